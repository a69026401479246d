/**
 * Goal: whatever admins, Macs and time do, in any order, a rollout keeps its promises. Random commands drive a fleet of model
 * Macs through `decideRollout`, with time under control; a failure prints seed and path, to be given to `fc.assert` again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ring, START, strategy } from '../../testing/sample-rollout.ts';
import { decideRollout, type RolloutState, type RolloutTarget } from './decide.ts';
import { readRing } from './ring-count.ts';
import type { RolloutStrategy } from './strategy.ts';

const MINUTE_MS = 60_000;
const RUNS = 150;
const HOSTS = 12;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What must be so at every moment, kept apart from how the decision comes to it. */
class Fleet {
  state: RolloutState = 'running';
  now = START;
  readonly gates: number[] = [];
  readonly targets: Mutable<RolloutTarget>[];
  /** Hosts whose intent flipped, each time it did. */
  flips = 0;

  constructor(readonly plan: RolloutStrategy) {
    this.targets = Array.from({ length: HOSTS }, (_, index) => ({
      hostId: `h${String(index).padStart(2, '0')}`,
      ring: index < 2 ? 0 : index < 6 ? 1 : 2,
      state: 'pending',
      site: index % 2 === 0 ? 'berlin' : 'paris',
      kdkBuild: index % 3 === 0 ? '23F79' : null,
      endedAt: null,
      phase: 'work',
      phaseSince: START,
    }));
  }

  count(...states: readonly string[]): number {
    return this.targets.filter(({ state }) => states.includes(state)).length;
  }

  /** One look of the controller: decide, check the promises, then do what was decided. */
  look(): void {
    const { plan, state, now, targets } = this;
    const decision = decideRollout({ state, strategy: plan, gatesOpened: this.gates }, targets, now);
    if (state !== 'running') expect(decision).toMatchObject({ state, open: [], stuck: [] });
    for (const { hostId } of decision.stuck) this.end(hostId, 'stuck');
    for (const hostId of decision.open) this.open(hostId, decision.ring);
    this.state = decision.state;
    this.flips += decision.open.length;
    this.keepsLimits(decision.open.length > 0);
    if (decision.state === 'running' && decision.open.length === 0) expect(decision.waitsFor).not.toBeNull();
    if (decision.state === 'halted') expect(decision.waitsFor).toMatch(/halt it|must succeed|A person/);
  }

  end(hostId: string, state: RolloutTarget['state']): void {
    const target = this.find(hostId);
    target.state = state;
    target.endedAt = this.now;
  }

  find(hostId: string): Mutable<RolloutTarget> {
    const target = this.targets.find((one) => one.hostId === hostId);
    if (target === undefined) throw new Error(`no host ${hostId}`);
    return target;
  }

  private open(hostId: string, current: number): void {
    const target = this.find(hostId);
    expect(target.state).toBe('pending');
    expect(target.ring).toBeLessThanOrEqual(current);
    const earlier = this.plan.rings.slice(0, target.ring).map((one, index) => readRing(one, index, this.targets));
    for (const before of earlier) expect(before.succeeded).toBeGreaterThanOrEqual(before.needed);
    if (this.plan.rings[target.ring]?.gate === 'manual') expect(this.gates).toContain(target.ring);
    target.state = 'opened';
    target.phase = 'work';
    target.phaseSince = this.now;
    target.endedAt = null;
  }

  /** After an opening no limit is exceeded, and no error threshold has been reached. */
  private keepsLimits(hasOpened: boolean): void {
    if (!hasOpened) return;
    const { total, perSite, perKdk } = this.plan.concurrency;
    const under = this.targets.filter(({ state }) => state === 'opened');
    if (total !== null) expect(under.length).toBeLessThanOrEqual(total);
    for (const site of ['berlin', 'paris'])
      if (perSite !== null) expect(under.filter((one) => one.site === site).length).toBeLessThanOrEqual(perSite);
    if (perKdk !== null) expect(under.filter(({ kdkBuild }) => kdkBuild !== null).length).toBeLessThanOrEqual(perKdk);
    for (const [index, one] of this.plan.rings.entries()) {
      const { failed, errorLimit } = readRing(one, index, this.targets);
      if (errorLimit !== null) expect(failed).toBeLessThan(errorLimit);
    }
  }
}

type Command = fc.Command<object, Fleet>;

/** A command is what happens, and then the controller looks. */
function command(name: string, happen: (fleet: Fleet) => void): Command {
  return {
    check: () => true,
    run(_model, fleet) {
      happen(fleet);
      fleet.look();
    },
    toString: () => name,
  };
}

function pick(fleet: Fleet, nth: number, ...states: readonly string[]): Mutable<RolloutTarget> | undefined {
  const fitting = fleet.targets.filter(({ state }) => states.includes(state));
  return fitting[nth % Math.max(fitting.length, 1)];
}

const nth = fc.nat({ max: 50 });
const commands = [
  nth.map((at) =>
    command(`succeed ${at}`, (fleet) => {
      const target = pick(fleet, at, 'opened', 'stuck');
      if (target !== undefined) fleet.end(target.hostId, 'succeeded');
    }),
  ),
  nth.map((at) =>
    command(`fail ${at}`, (fleet) => {
      const target = pick(fleet, at, 'opened');
      if (target !== undefined) fleet.end(target.hostId, 'failed');
    }),
  ),
  nth.map((at) =>
    command(`visit ${at}`, (fleet) => {
      const target = pick(fleet, at, 'opened');
      if (target !== undefined) Object.assign(target, { phase: 'visit', phaseSince: fleet.now });
    }),
  ),
  nth.map((at) =>
    command(`supersede or skip ${at}`, (fleet) => {
      const target = pick(fleet, at, 'pending', 'opened');
      if (target !== undefined) fleet.end(target.hostId, at % 2 === 0 ? 'skipped' : 'superseded');
    }),
  ),
  fc.integer({ min: 1, max: 90 }).map((minutes) =>
    command(`${minutes} min later`, (fleet) => {
      fleet.now = new Date(fleet.now.getTime() + minutes * MINUTE_MS);
    }),
  ),
  fc.constantFrom('pause', 'halt', 'resume').map((move) =>
    command(move, (fleet) => {
      const isEnded = fleet.state === 'finished' || fleet.state === 'superseded';
      if (!isEnded) fleet.state = move === 'resume' ? 'running' : move === 'pause' ? 'paused' : 'halted';
    }),
  ),
  fc.constant(
    command('retry', (fleet) => {
      if (fleet.state === 'superseded') return;
      for (const target of fleet.targets)
        if (['failed', 'stuck'].includes(target.state)) Object.assign(target, { state: 'pending', endedAt: null });
      if (fleet.state === 'finished') fleet.state = 'running';
    }),
  ),
  fc.constantFrom(0, 1, 2).map((gate) => command(`gate ${gate}`, (fleet) => fleet.gates.push(gate))),
];

const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: null });
const arbitraryPlan: fc.Arbitrary<RolloutStrategy> = fc
  .record({
    total: limit,
    perSite: limit,
    perKdk: limit,
    errorAt: fc.option(fc.constantFrom({ count: 1, percent: null }, { count: null, percent: 30 }), { nil: null }),
    percent: fc.constantFrom(50, 90, 100),
    gate: fc.constantFrom('automatic' as const, 'manual' as const),
    soakMinutes: fc.constantFrom(0, 30),
    workMinutes: fc.option(fc.constantFrom(45, 120), { nil: null }),
  })
  .map(({ total, perSite, perKdk, errorAt, percent, gate, soakMinutes, workMinutes }) =>
    strategy({
      rings: ['first', 'second', 'rest'].map((name, index) =>
        ring(name, {
          errorAt,
          successAt: { count: null, percent },
          soakMinutes,
          gate: index === 1 ? gate : 'automatic',
        }),
      ),
      concurrency: { total, perSite, perKdk },
      stuckAfter: { workMinutes, visitMinutes: null },
    }),
  );

/** Faults stop: everybody does their part, and the rollout must come to its end in so many looks. */
function converge(fleet: Fleet): void {
  for (let looks = 0; looks < HOSTS * 8 && fleet.state !== 'finished' && fleet.state !== 'superseded'; looks += 1) {
    for (const target of fleet.targets)
      if (['failed', 'stuck'].includes(target.state)) Object.assign(target, { state: 'pending', endedAt: null });
    fleet.gates.push(0, 1, 2);
    fleet.state = 'running';
    fleet.look();
    for (const target of fleet.targets) if (target.state === 'opened') fleet.end(target.hostId, 'succeeded');
    fleet.now = new Date(fleet.now.getTime() + 31 * MINUTE_MS);
  }
  expect(fleet.count('pending', 'opened')).toBe(0);
  if (fleet.state !== 'superseded') expect(fleet.count('failed', 'stuck')).toBe(0);
}

describe('a rollout under random commands', () => {
  it('keeps its limits, halts when it says so, and ends once faults stop', () => {
    const seen = { flips: 0, halted: 0, finished: 0 };
    fc.assert(
      fc.property(arbitraryPlan, fc.commands(commands, { maxCommands: 40 }), (plan, drawn) => {
        const fleet = new Fleet(plan);
        fleet.look();
        fc.modelRun(() => ({ model: {}, real: fleet }), drawn);
        seen.flips += fleet.flips;
        if (fleet.state === 'halted') seen.halted += 1;
        converge(fleet);
        if (fleet.state === 'finished') seen.finished += 1;
      }),
      { numRuns: RUNS, verbose: 1 },
    );
    // A run that never meets a halt or an end would show nothing.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
  });
});
