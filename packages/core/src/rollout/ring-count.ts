/** One ring as it is counted from its targets. Skipped and superseded Macs are not part of it any more. */
import type { RolloutTarget } from './decide.ts';
import { type Ring, thresholdOf } from './strategy.ts';

export interface RingCount {
  readonly index: number;
  readonly name: string;
  readonly size: number;
  readonly pending: number;
  readonly opened: number;
  readonly succeeded: number;
  readonly failed: number;
  /** So many must succeed. */
  readonly needed: number;
  /** So many failures halt; null = none do. */
  readonly errorLimit: number | null;
  /** When the last one that was needed succeeded; null = not yet. A ring of none has succeeded at once. */
  readonly succeededAt: Date | null;
  readonly soakMs: number;
  /** Everything has ended, and too few succeeded. */
  readonly isShort: boolean;
}

const MINUTE_MS = 60_000;

export function readRing(ring: Ring, index: number, targets: readonly RolloutTarget[]): RingCount {
  const mine = targets.filter((one) => one.ring === index && one.state !== 'skipped' && one.state !== 'superseded');
  const count = (...states: readonly string[]) => mine.filter(({ state }) => states.includes(state)).length;
  const size = mine.length;
  const succeeded = count('succeeded');
  const needed = Math.min(thresholdOf(ring.successAt, size) ?? 0, size);
  const limit = ring.errorAt === null ? null : thresholdOf(ring.errorAt, size);
  const pending = count('pending');
  const opened = count('opened');
  return {
    index,
    name: ring.name,
    size,
    pending,
    opened,
    succeeded,
    failed: count('failed', 'stuck'),
    needed,
    errorLimit: limit === null ? null : Math.max(limit, 1),
    succeededAt: succeededAt(mine, needed, pending),
    soakMs: size === 0 ? 0 : ring.soakMinutes * MINUTE_MS,
    isShort: pending === 0 && opened === 0 && succeeded < needed,
  };
}

/** Without a threshold a ring has succeeded as soon as all of it was opened; its soak counts from the last one. */
function succeededAt(mine: readonly RolloutTarget[], needed: number, pending: number): Date | null {
  if (needed === 0)
    return pending > 0 ? null : new Date(Math.max(0, ...mine.map(({ openedAt }) => openedAt?.getTime() ?? 0)));
  const times = mine
    .flatMap(({ state, endedAt }) => (state === 'succeeded' && endedAt !== null ? [endedAt.getTime()] : []))
    .sort((left, right) => left - right);
  const last = times[needed - 1];
  return last === undefined ? null : new Date(last);
}
