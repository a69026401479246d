/**
 * What a Mac shows of the kernels in the KDK images of the catalogue: of one that Headroom installed there, those that lie in it; of one
 * that could not be installed for it, that its own is not in it. Pure.
 */
import type { CatalogueKdk } from '@headroom/core';
import type { KernelNews } from '../kdks/learn-kernels.ts';
import type { HostInput } from './host-input.ts';

/** An image of the catalogue, newest first. */
export interface KnownKdk extends CatalogueKdk {
  readonly variants: readonly string[];
  readonly variantsMissing: readonly string[];
  readonly addedAt: Date;
}

const VARIANT = /^[A-Z0-9]{1,32}$/;
const VARIANTS_MAX = 50;

export function kernelNews(input: HostInput, kdks: readonly KnownKdk[]): readonly KernelNews[] {
  return [...seenInstalled(input, kdks), ...notFound(input, kdks)];
}

/** By build: two images of one build that both bear Apple's signature are the same KDK. */
function seenInstalled({ hostId, facts }: HostInput, kdks: readonly KnownKdk[]): readonly KernelNews[] {
  return (facts?.kdks ?? []).flatMap(({ build, complete, ours, variants }) => {
    const image = kdks.find((kdk) => kdk.build === build);
    if (!complete || ours !== true || image === undefined) return [];
    const seen = variants.map((variant) => variant.toUpperCase()).filter((variant) => VARIANT.test(variant));
    const isNew = seen.slice(0, VARIANTS_MAX).some((variant) => !image.variants.includes(variant));
    return isNew ? [{ hostId, sha256: image.sha256, variants: seen.slice(0, VARIANTS_MAX), variantsMissing: [] }] : [];
  });
}

/** An image that was withdrawn and brought again is looked at anew. */
function notFound({ hostId, facts, failure }: HostInput, kdks: readonly KnownKdk[]): readonly KernelNews[] {
  if (failure === null || failure.code !== 'KDK_VARIANT_MISSING') return [];
  const variant = facts?.kernel.variant?.toUpperCase() ?? '';
  const image = kdks.find(({ build }) => build === failure.kdk?.build);
  if (image === undefined || image.sha256 !== failure.kdk?.sha256 || !VARIANT.test(variant)) return [];
  if (failure.at < image.addedAt || [...image.variants, ...image.variantsMissing].includes(variant)) return [];
  return [{ hostId, sha256: image.sha256, variants: [], variantsMissing: [variant] }];
}
