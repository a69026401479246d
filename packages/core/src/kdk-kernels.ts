/**
 * What is known of the kernels in a KDK image before it is fetched: what Macs showed that had it. A Mac may have had only a part of it, or
 * lie. Guarantee: the word of one Mac keeps no other from fetching an image, a kernel that any Mac saw is there, and a word that an admin
 * does not believe counts for nothing until the Mac says something else.
 */
import type { CatalogueKdk } from './evaluate-types.ts';

/** What one Mac showed of an image, the last time. */
export interface KernelSight {
  readonly hostId: string;
  /** What the Mac was called then. */
  readonly host: string;
  /** Kernels in it where it is installed, whole; none = it was looked into in vain. */
  readonly variants: readonly string[];
  /** Looked for in vain. */
  readonly variantsMissing: readonly string[];
  readonly at: string;
  /** An admin said that it is wrong. */
  readonly disbelieved?: boolean;
}

/** So many Macs have to miss a kernel before others believe that it is not there. */
export const KERNEL_VOICES_MIN = 2;

/** Is it known to hold no kernel for this variant? */
export function isWithoutKernel(kdk: CatalogueKdk, variant: string): boolean {
  return !holdsKernel(kdk, variant) && missedBy(kdk, variant).length >= KERNEL_VOICES_MIN;
}

export function holdsKernel({ sights = [] }: Pick<CatalogueKdk, 'sights'>, variant: string): boolean {
  return sights.some((sight) => isBelieved(sight) && sight.variants.includes(variant.toUpperCase()));
}

/** Macs whose installed KDK lacks it, or that looked for it in vain; each once. */
export function missedBy({ sights = [] }: Pick<CatalogueKdk, 'sights'>, variant: string): readonly KernelSight[] {
  const wanted = variant.toUpperCase();
  return sights.filter((sight) => isBelieved(sight) && misses(sight, wanted));
}

/** What of it goes for all Macs: kernels that one saw, and those that enough of them missed. */
export function knownKernels(
  kdk: Pick<CatalogueKdk, 'sights'>,
): Readonly<Record<'variants' | 'variantsMissing', string[]>> {
  const believed = (kdk.sights ?? []).filter(isBelieved);
  const variants = [...new Set(believed.flatMap((sight) => sight.variants))].sort();
  const named = [...new Set(believed.flatMap((sight) => sight.variantsMissing))].sort();
  const isMissing = (variant: string) =>
    !variants.includes(variant) && missedBy(kdk, variant).length >= KERNEL_VOICES_MIN;
  return { variants, variantsMissing: named.filter(isMissing) };
}

/**
 * Does what a Mac shows now add to what is known? Its newest word takes the place of its older one; beyond that it counts as long as it
 * shows a kernel that nobody saw, or lacks one that too few have missed.
 */
export function isNewSight(sights: readonly KernelSight[], shown: KernelSight): boolean {
  const own = sights.find(({ hostId }) => hostId === shown.hostId);
  if (own !== undefined) return !isSameWord(own, shown);
  if (shown.variants.some((variant) => !holdsKernel({ sights }, variant))) return true;
  if (shown.variants.length > 0) return wholeLists(sights).length < KERNEL_VOICES_MIN;
  return shown.variantsMissing.some((variant) => missedBy({ sights }, variant).length < KERNEL_VOICES_MIN);
}

/** The newest word of each Mac. */
export function withSight(sights: readonly KernelSight[], shown: KernelSight): readonly KernelSight[] {
  return [...sights.filter(({ hostId }) => hostId !== shown.hostId), shown];
}

function wholeLists(sights: readonly KernelSight[]): readonly KernelSight[] {
  return sights.filter((sight) => isBelieved(sight) && sight.variants.length > 0);
}

function misses({ variants, variantsMissing }: KernelSight, variant: string): boolean {
  return variants.length > 0 ? !variants.includes(variant) : variantsMissing.includes(variant);
}

function isBelieved({ disbelieved = false }: KernelSight): boolean {
  return !disbelieved;
}

function isSameWord(one: KernelSight, other: KernelSight): boolean {
  const wordOf = ({ variants, variantsMissing }: KernelSight) =>
    JSON.stringify([[...variants].sort(), [...variantsMissing].sort()]);
  return wordOf(one) === wordOf(other);
}
