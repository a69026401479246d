/**
 * What a Mac shows of the kernels in the KDK images of the catalogue: of one that Headroom installed there, those that lie in it; of one
 * that could not be installed for it, that its own is not in it. What it is worth to others is for core to say (kdk-kernels.ts). Pure.
 */
import { type CatalogueKdk, isNewSight, type KernelSight } from '@headroom/core';
import type { KernelNews } from '../kdks/learn-kernels.ts';
import type { HostInput } from './host-input.ts';

/** An image of the catalogue, newest first. */
export interface KnownKdk extends CatalogueKdk {
  readonly sights: readonly KernelSight[];
  readonly addedAt: Date;
}

const VARIANT = /^[A-Z0-9]{1,32}$/;
const VARIANTS_MAX = 50;

export function kernelNews(input: HostInput, kdks: readonly KnownKdk[], now: Date): readonly KernelNews[] {
  const { hostId, hostName: host, facts } = input;
  const own = facts?.kernel.variant?.toUpperCase() ?? '';
  if (!VARIANT.test(own)) return [];
  const builds = new Set(kdks.map(({ build }) => build));
  return [...builds].flatMap((build) => {
    // By build: two images of one build that both bear Apple's signature are the same KDK.
    const image = kdks.find((kdk) => kdk.build === build);
    if (image === undefined) return [];
    const variants = installedKernels(input, build, own);
    const variantsMissing = variants.length === 0 && lookedInVain(input, image) ? [own] : [];
    if (variants.length + variantsMissing.length === 0) return [];
    const sight = { hostId, host, variants, variantsMissing, at: now.toISOString() };
    return isNewSight(image.sights, sight) ? [{ sha256: image.sha256, sight }] : [];
  });
}

/** Of a KDK that Headroom installed for this Mac: one that lacks the kernel that it was installed for is not whole, whatever it says. */
function installedKernels({ facts }: HostInput, build: string, own: string): readonly string[] {
  const seen = (facts?.kdks ?? [])
    .filter((kdk) => kdk.build === build && kdk.complete && kdk.ours === true)
    .flatMap(({ variants }) => variants.map((variant) => variant.toUpperCase()))
    .filter((variant) => VARIANT.test(variant));
  return seen.includes(own) ? [...new Set(seen)].slice(0, VARIANTS_MAX).sort() : [];
}

/** An image that was withdrawn and brought again is looked at anew. */
function lookedInVain({ failure }: HostInput, { build, sha256, addedAt }: KnownKdk): boolean {
  if (failure === null || failure.code !== 'KDK_VARIANT_MISSING') return false;
  return failure.kdk?.build === build && failure.kdk.sha256 === sha256 && failure.at >= addedAt;
}
