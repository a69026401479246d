/** Opened Macs that have waited for the same thing for too long. A Mac that comes through later still succeeds. */
import type { RolloutTarget, StuckTarget } from './decide.ts';
import type { StuckAfter } from './strategy.ts';

const MINUTE_MS = 60_000;

const WHAT = { work: 'its work', visit: 'a visit', witness: 'a witness' } as const;

export function findStuck(limits: StuckAfter, targets: readonly RolloutTarget[], now: Date): readonly StuckTarget[] {
  return targets.flatMap((target) => {
    const at = stuckAt(limits, target);
    if (at === null || now.getTime() < at) return [];
    const { hostId, phase } = target;
    return [{ hostId, reason: `Stuck: waits for ${WHAT[phase]} since ${target.phaseSince.toISOString()}.` }];
  });
}

/** When each opened Mac would become stuck. */
export function stuckTimes(limits: StuckAfter, targets: readonly RolloutTarget[]): readonly number[] {
  return targets.flatMap((target) => stuckAt(limits, target) ?? []);
}

function stuckAt(
  { workMinutes, visitMinutes }: StuckAfter,
  { state, phase, phaseSince }: RolloutTarget,
): number | null {
  // Guests, too, are somebody else's affair, and may be days away.
  const minutes = phase === 'work' ? workMinutes : visitMinutes;
  return state === 'opened' && minutes !== null ? phaseSince.getTime() + minutes * MINUTE_MS : null;
}
