/** A rollout for tests: rings of 1, some, and the rest. */
import type { RolloutTarget } from '../src/rollout/decide.ts';
import { AT_ONCE, type Ring, type RolloutStrategy } from '../src/rollout/strategy.ts';

export const START = new Date('2026-03-02T09:00:00.000Z');

export function ring(name: string, changes: Partial<Ring> = {}): Ring {
  return {
    name,
    take: { kind: 'rest' },
    successAt: { count: null, percent: 100 },
    errorAt: { count: 1, percent: null },
    soakMinutes: 0,
    gate: 'automatic',
    ...changes,
  };
}

export function strategy(changes: Partial<RolloutStrategy> = {}): RolloutStrategy {
  return { ...AT_ONCE, rings: [ring('first'), ring('second'), ring('rest')], ...changes };
}

export function target(hostId: string, ringIndex: number, changes: Partial<RolloutTarget> = {}): RolloutTarget {
  return {
    hostId,
    ring: ringIndex,
    state: 'pending',
    site: 'berlin',
    kdkBuild: null,
    endedAt: null,
    phase: 'work',
    phaseSince: START,
    ...changes,
  };
}
