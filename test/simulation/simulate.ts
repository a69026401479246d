/**
 * Runs drawn by fast-check: a number of Macs and a list of commands, from a seed. One that does not hold is made shorter until what is left
 * is needed; the seed alone draws and shortens it again.
 */

import type { Ring, RolloutStrategy } from '@headroom/core';
import fc from 'fast-check';
import { FAULT_NAMES } from './faults.ts';
import { CANARY, LABELS, type Steer } from './people.ts';
import { type Act, DAY, HOUR, MINUTE, type RunOptions, type RunResult, SITES, World } from './world.ts';

const RAISED = [255, 8, 16] as const;
const COMMANDS_MAX = 40;
/** As long as that a failed run may be made shorter. */
const SHRINK_MS = 60_000;

const limit = fc.option(fc.integer({ min: 1, max: 3 }), { nil: null });
const threshold = fc.constantFrom(
  { count: 1, percent: null },
  { count: 2, percent: null },
  { count: null, percent: 50 },
  { count: null, percent: 100 },
  { count: null, percent: null },
);
const ring = (name: string, take: fc.Arbitrary<Ring['take']>): fc.Arbitrary<Ring> =>
  fc.record({
    name: fc.constant(name),
    take,
    successAt: threshold,
    errorAt: fc.option(threshold, { nil: null, freq: 4 }),
    soakMinutes: fc.constantFrom(0, 0, 30),
    gate: fc.constantFrom('automatic' as const, 'automatic' as const, 'manual' as const),
  });
const some: fc.Arbitrary<Ring['take']> = fc.constantFrom(
  { kind: 'label', label: CANARY },
  { kind: 'percent', percent: 40 },
  { kind: 'hosts', hostIds: ['mac-2', 'mac-3'] },
);
const rest: fc.Arbitrary<Ring['take']> = fc.constant({ kind: 'rest' });
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const strategy: fc.Arbitrary<RolloutStrategy> = fc.record({
  rings: fc
    .tuple(ring('first', some), ring('second', some), ring('rest', rest))
    .chain((rings) => fc.constantFrom(rings, rings.slice(1), rings.slice(2))),
  success: fc.constantFrom('prepared' as const, 'raised' as const, 'witnessed' as const),
  window: fc.constantFrom(
    null,
    null,
    null,
    // A run begins at 10:00: one opens while faults go on, the other closes.
    { timeZone: 'UTC', days, from: '12:00', to: '09:00' },
    { timeZone: 'UTC', days, from: '17:00', to: '13:00' },
  ),
  concurrency: fc.record({ total: limit, perSite: limit, perKdk: limit }),
  stuckAfter: fc.constantFrom({ workMinutes: 45, visitMinutes: 60 }, { workMinutes: 240, visitMinutes: null }),
  lateJoiners: fc.constantFrom('leave' as const, 'last_ring' as const),
});

const strategies = fc.option(strategy, { nil: null });

const act = (name: string, run: Act['run']): Act => ({ name, run });
const nth = fc.nat({ max: 11 });
const times = fc.constantFrom(2 * MINUTE, 5 * MINUTE, 20 * MINUTE, 40 * MINUTE);
const applies = (policies: readonly number[], quotas: readonly number[], how: fc.Arbitrary<RolloutStrategy | null>) =>
  fc
    .record({
      policy: fc.constantFrom(...policies),
      quota: fc.constantFrom(...quotas),
      strategy: how,
      lastsMs: fc.constantFrom(90 * DAY, 90 * DAY, HOUR, 10 * MINUTE),
    })
    .map((wanted) => act(`apply ${JSON.stringify(wanted)}`, (world) => world.people.apply(wanted)));
const steers = fc.constantFrom<Steer>(
  ...(['pause', 'resume', 'resume', 'halt', 'confirm', 'retry', 'retry', 'gate', 'gate', 'gate', 'skip'] as const),
);
const wait = (ms: number) => act(`${ms / MINUTE} min`, (world) => world.pass(ms));
const fault = fc
  .tuple(fc.constantFrom(...FAULT_NAMES), nth)
  .map(([name, at]) => act(`${name} ${at}`, async (world) => world.break(name, at)));
const acts: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Act> }[] = [
  { weight: 10, arbitrary: times.map(wait) },
  { weight: 2, arbitrary: applies([0, 0, 1], [...RAISED, 2], strategies) },
  { weight: 8, arbitrary: fault },
  {
    weight: 6,
    arbitrary: fc
      .tuple(steers, fc.nat({ max: 1 }), fc.nat({ max: 2 }))
      .map(([steer, at, which]) => act(`${steer} ${at} ${which}`, (world) => world.people.steer(steer, at, which))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(nth, fc.constantFrom(...LABELS, CANARY), fc.boolean())
      .map(([at, label, present]) =>
        act(`label ${at} ${label} ${present}`, (world) => world.people.label(world.hostId(at), label, present)),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(nth, fc.constantFrom(...SITES))
      .map(([at, site]) => act(`place ${at} ${site}`, async (world) => world.people.place(world.hostId(at), site))),
  },
  { weight: 3, arbitrary: nth.map((at) => act(`witness ${at}`, (world) => world.witness(at))) },
  { weight: 1, arbitrary: nth.map((at) => act(`revoke ${at}`, (world) => world.people.revoke(at))) },
];

/** The first thing is always a raise: without one nothing happens. */
const rollouts = fc.record({
  hosts: fc.constantFrom(3, 4, 4, 6, 12),
  first: applies([0], RAISED, strategies),
  acts: fc.array(fc.oneof(...acts), { minLength: 20, maxLength: COMMANDS_MAX, size: 'max' }),
});

/** No rings, and one fault upon the other. */
const faults = fc.record({
  hosts: fc.constant(3),
  first: applies([0], RAISED, fc.constant(null)),
  acts: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fault },
      { weight: 4, arbitrary: fc.constantFrom(MINUTE, 3 * MINUTE, 6 * MINUTE).map(wait) },
      { weight: 2, arbitrary: applies([0], RAISED, fc.constant(null)) },
      { weight: 1, arbitrary: nth.map((at) => act(`revoke ${at}`, (world) => world.people.revoke(at))) },
    ),
    { minLength: 20, maxLength: COMMANDS_MAX, size: 'max' },
  ),
});
const KINDS = { rollouts, faults };
export type Kind = keyof typeof KINDS;

export interface Simulated extends RunResult {
  /** What is left of the commands of a run that did not hold; null where it held. */
  readonly shortest: readonly string[] | null;
}

/** What of the product, or of an agent, does one thing wrong: to see that the watch notices. */
export type Breaks = Pick<RunOptions, 'makeJobs' | 'makeEngine' | 'agentsIgnoreTime' | 'peaceMs'>;

/** Of two seeds one is about rollouts and one about faults, unless somebody says which. */
export async function simulate(
  {
    seed,
    kind = seed % 2 === 0 ? 'faults' : 'rollouts',
    ...breaks
  }: Breaks & { readonly seed: number; readonly kind?: Kind },
  shrinks = true,
): Promise<Simulated> {
  let result: RunResult | null = null;
  let shortest: readonly string[] | null = null;
  const property = fc.asyncProperty(KINDS[kind], async ({ hosts, first, acts: more }) => {
    const one = await new World({ ...breaks, seed, hosts, acts: [first, ...more] }).run();
    const holds = one.violation === null;
    if (result === null || !holds) result = one;
    if (!holds) shortest = [`${hosts} Macs`, ...[first, ...more].map(({ name }) => name)];
    return holds;
  });
  await fc.check(property, { seed, numRuns: 1, endOnFailure: !shrinks, interruptAfterTimeLimit: SHRINK_MS });
  if (result === null) throw new Error('nothing was run');
  return { ...(result as RunResult), shortest };
}
