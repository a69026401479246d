/**
 * The way of a rollout that nobody starts and nobody has to confirm: a tenth of its Macs first, and an hour in which a person can halt
 * what should not have begun; then the rest.
 */
import { shareOf } from './assign.ts';
import { AT_ONCE, type Ring, type RolloutStrategy } from './strategy.ts';

const FIRST_SHARE = 0.1;
const SOAK_MINUTES = 60;

/** The Macs of the first part are named, so that it is a tenth also where shares happen to lie high; never none. */
export function inTwoParts(hostIds: readonly string[]): RolloutStrategy {
  const byShare = [...hostIds].sort((left, right) => shareOf(left) - shareOf(right));
  const first = byShare.slice(0, Math.ceil(byShare.length * FIRST_SHARE));
  return {
    ...AT_ONCE,
    rings: [
      { ...ringOfAll('first'), take: { kind: 'hosts', hostIds: first }, soakMinutes: SOAK_MINUTES },
      { ...ringOfAll('rest'), take: { kind: 'rest' } },
    ],
  };
}

function ringOfAll(name: string): Omit<Ring, 'take'> {
  return { name, successAt: { count: null, percent: null }, errorAt: null, soakMinutes: 0, gate: 'automatic' };
}
