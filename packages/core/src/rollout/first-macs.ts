/**
 * A policy that asks for witnesses starts each pair of build and variant that was never witnessed here with one Mac: a ring of its
 * own, before all others, that must be witnessed before anything else opens. Which Mac it is follows from the stable share alone.
 */
import { type RingCandidate, ringOf, shareOf } from './assign.ts';
import type { Ring, RolloutStrategy } from './strategy.ts';

export interface UnseenCandidate extends RingCandidate {
  readonly build: string;
  readonly variant: string;
}

/** `unseen` = Macs of the rollout whose pair was never witnessed here. */
export function withFirstMacs(strategy: RolloutStrategy, unseen: readonly UnseenCandidate[]): RolloutStrategy {
  if (strategy.success !== 'witnessed' || unseen.length === 0) return strategy;
  const first = new Map<string, UnseenCandidate>();
  for (const candidate of unseen) {
    const pair = `${candidate.variant} ${candidate.build}`;
    const known = first.get(pair);
    if (known === undefined || isEarlier(strategy, candidate, known)) first.set(pair, candidate);
  }
  return { ...strategy, rings: [...[...first].map(([pair, mac]) => firstRing(pair, mac)), ...strategy.rings] };
}

function isEarlier(strategy: RolloutStrategy, left: RingCandidate, right: RingCandidate): boolean {
  const [one, other] = [ringOf(strategy, left), ringOf(strategy, right)];
  return one === other ? shareOf(left.hostId) < shareOf(right.hostId) : one < other;
}

function firstRing(pair: string, { hostId, variant, build }: UnseenCandidate): Ring {
  return {
    name: `first ${pair}`,
    take: { kind: 'hosts', hostIds: [hostId] },
    successAt: { count: 1, percent: null },
    errorAt: { count: 1, percent: null },
    soakMinutes: 0,
    gate: 'automatic',
    reason: `${variant} on ${build} was never witnessed here: one Mac first.`,
  };
}
