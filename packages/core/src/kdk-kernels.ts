/** What is known of the kernels in a KDK image before it is fetched: what Macs showed that had it. */
import type { CatalogueKdk } from './evaluate-types.ts';

/**
 * Is it known to hold no kernel for this variant? One that any Mac has seen in it is in it, whatever others say; of a list that nobody
 * has given, nothing is known but what was looked for.
 */
export function isWithoutKernel({ variants = [], variantsMissing = [] }: CatalogueKdk, variant: string): boolean {
  if (holdsKernel({ variants }, variant)) return false;
  return variants.length > 0 || variantsMissing.includes(variant.toUpperCase());
}

export function holdsKernel({ variants = [] }: Pick<CatalogueKdk, 'variants'>, variant: string): boolean {
  return variants.includes(variant.toUpperCase());
}
