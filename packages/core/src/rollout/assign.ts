/** Which ring takes a host. The share of a host depends on its id alone, so it is early in every rollout or late in every one. */
import type { Ring, RolloutStrategy } from './strategy.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 0 to below 100, evenly spread, always the same for a host. */
export function shareOf(hostId: string): number {
  let hash = FNV_OFFSET;
  for (const char of hostId.toLowerCase()) hash = Math.imul(hash ^ char.charCodeAt(0), FNV_PRIME);
  // Ids of one batch differ in their last characters only: mix, so that these reach the high bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * 100;
}

export interface RingCandidate {
  readonly hostId: string;
  readonly labels: readonly string[];
}

/** Index of the first ring that takes the host. What none takes is in the last. */
export function ringOf({ rings }: RolloutStrategy, candidate: RingCandidate): number {
  const share = shareOf(candidate.hostId);
  const index = rings.findIndex((ring) => takes(ring, candidate, share));
  return index < 0 ? Math.max(rings.length - 1, 0) : index;
}

function takes({ take }: Ring, { hostId, labels }: RingCandidate, share: number): boolean {
  switch (take.kind) {
    case 'percent':
      return share < take.percent;
    case 'label':
      return labels.includes(take.label);
    case 'hosts':
      return take.hostIds.includes(hostId);
    case 'rest':
      return true;
  }
}
