/**
 * Which pending Macs may open beside those that are under way. Guarantees: no limit is exceeded; and where a rollout asks for witnesses,
 * of a pair of variant and build that was never witnessed one Mac is under way at a time, also where the ring of one that it began
 * with could not foresee it: its Mac was skipped, another was updated, or joined late. A Mac that told no pair may be of any.
 */
import type { RolloutTarget } from './decide.ts';
import type { RolloutStrategy } from './strategy.ts';

export interface Admission {
  /** In ring and then host order. */
  readonly able: readonly string[];
  /** What Macs wait for that every limit would let open; null = there are none. */
  readonly unseen: string | null;
}

/** Of the Macs up to this ring. */
export function admit(
  { concurrency }: RolloutStrategy,
  targets: readonly RolloutTarget[],
  lastRing: number,
): Admission {
  const { total, perSite, perKdk } = concurrency;
  const underWay = targets.filter(({ state }) => state === 'opened');
  const sites = countBy(underWay, ({ site }) => site);
  const builds = countBy(underWay, ({ kdkBuild }) => kdkBuild);
  const pairs = new Set(underWay.flatMap(({ unseenPair }) => unseenPair ?? []));
  let left = (total ?? Number.POSITIVE_INFINITY) - underWay.length;
  const pending = targets.filter(({ state, ring }) => state === 'pending' && ring <= lastRing);
  const able: string[] = [];
  const waiting: (string | null)[] = [];
  for (const { hostId, site, kdkBuild, unseenPair } of [...pending].sort(byRingAndHost)) {
    if (left <= 0) break;
    if (perSite !== null && (sites.get(site) ?? 0) >= perSite) continue;
    if (perKdk !== null && kdkBuild !== null && (builds.get(kdkBuild) ?? 0) >= perKdk) continue;
    if (unseenPair === null || (unseenPair !== undefined && pairs.has(unseenPair))) {
      waiting.push(unseenPair);
      continue;
    }
    sites.set(site, (sites.get(site) ?? 0) + 1);
    builds.set(kdkBuild, (builds.get(kdkBuild) ?? 0) + 1);
    if (unseenPair !== undefined) pairs.add(unseenPair);
    left -= 1;
    able.push(hostId);
  }
  return { able, unseen: unseenText(waiting) };
}

function unseenText(waiting: readonly (string | null)[]): string | null {
  const pairs = [...new Set(waiting.flatMap((pair) => pair ?? []))].sort();
  const untold = waiting.filter((pair) => pair === null).length;
  const texts = [
    ...(pairs.length > 0 ? [`A witness: ${pairs.join(', ')} was never witnessed here, so one Mac at a time.`] : []),
    ...(untold > 0 ? [`${untold} Mac(s) told no macOS build and variant yet: each may be the first of its kind.`] : []),
  ];
  return texts.length === 0 ? null : texts.join(' ');
}

function byRingAndHost(left: RolloutTarget, right: RolloutTarget): number {
  if (left.ring !== right.ring) return left.ring - right.ring;
  return left.hostId < right.hostId ? -1 : 1;
}

function countBy<K>(targets: readonly RolloutTarget[], keyOf: (target: RolloutTarget) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const target of targets) counts.set(keyOf(target), (counts.get(keyOf(target)) ?? 0) + 1);
  return counts;
}
