/** Goal: a rollout goes on only as far as it goes well, and says what it waits for, when it moves and what would stop it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ring, START, strategy, target } from '../../testing/sample-rollout.ts';
import { ringOf, shareOf } from './assign.ts';
import { decideRollout, type RolloutInput, type RolloutTarget } from './decide.ts';
import { AT_ONCE, type RolloutStrategy, thresholdOf } from './strategy.ts';

const later = (minutes: number) => new Date(START.getTime() + minutes * 60_000);
const running = (changes: Partial<RolloutStrategy> = {}, gatesOpened: readonly number[] = []): RolloutInput => ({
  state: 'running',
  strategy: strategy(changes),
  gatesOpened,
});
const done = (hostId: string, index: number, minutes = 0) =>
  target(hostId, index, { state: 'succeeded', endedAt: later(minutes) });
const failed = (hostId: string, index: number) => target(hostId, index, { state: 'failed', endedAt: START });
const open = (hostId: string, index: number, changes: Partial<RolloutTarget> = {}) =>
  target(hostId, index, { state: 'opened', ...changes });

describe('rings', () => {
  it('open one after the other, each when the one before has succeeded', () => {
    const waiting = [target('a', 0), target('b', 1), target('c', 2)];
    expect(decideRollout(running(), waiting, START)).toMatchObject({ open: ['a'], ring: 0, waitsFor: null });
    const under = [open('a', 0), ...waiting.slice(1)];
    expect(decideRollout(running(), under, START)).toMatchObject({
      open: [],
      waitsFor: 'Ring first: 1 under way, 1 more must succeed.',
      wouldStop: ['Ring first: 0 failed, 1 halt it.'],
    });
    const one = [done('a', 0), ...waiting.slice(1)];
    expect(decideRollout(running(), one, START)).toMatchObject({ open: ['b'], ring: 1 });
    expect(decideRollout(running(), [done('a', 0), done('b', 1), done('c', 2)], START).state).toBe('finished');
  });

  it('that are empty are passed', () => {
    expect(decideRollout(running(), [target('c', 2)], START)).toMatchObject({ open: ['c'], ring: 2 });
  });

  it('soak: the next one opens that long after the success, and it says when', () => {
    const rings = [ring('first', { soakMinutes: 60 }), ring('rest')];
    const targets = [done('a', 0, 10), target('b', 1)];
    expect(decideRollout(running({ rings }), targets, later(69))).toMatchObject({ open: [], movesAt: later(70) });
    expect(decideRollout(running({ rings }), targets, later(70))).toMatchObject({ open: ['b'], ring: 1 });
  });

  it('with a manual gate wait for a person; what is left of earlier ones does not', () => {
    const rings = [ring('first', { successAt: { count: 1, percent: null } }), ring('rest', { gate: 'manual' })];
    const targets = [done('a', 0), target('b', 1)];
    expect(decideRollout(running({ rings }), targets, START)).toMatchObject({
      open: [],
      waitsFor: 'A person: the gate of ring rest.',
      isAtGate: true,
    });
    expect(decideRollout(running({ rings }), [...targets, target('a2', 0)], START)).toMatchObject({
      open: ['a2'],
      isAtGate: false,
    });
    expect(decideRollout(running({ rings }, [1]), targets, START).open).toEqual(['b']);
  });

  it.each([
    ['count', { count: 2, percent: null }, 2],
    ['percent', { count: null, percent: 50 }, 5],
    ['whichever comes first', { count: 3, percent: 20 }, 2],
  ])('succeed by %s', (_name, successAt, needed) => {
    const rings = [ring('first', { successAt }), ring('rest')];
    const hosts = Array.from({ length: 10 }, (_, index) => `h${index}`);
    const after = (count: number) =>
      decideRollout(
        running({ rings }),
        [...hosts.map((host, index) => (index < count ? done(host, 0) : open(host, 0))), target('z', 1)],
        START,
      ).open;
    expect(after(needed - 1)).toEqual([]);
    expect(after(needed)).toEqual(['z']);
  });
});

describe('a rollout halts', () => {
  it('when failures reach the threshold, stuck Macs among them', () => {
    const rings = [ring('first', { errorAt: { count: null, percent: 20 } }), ring('rest')];
    const ten = Array.from({ length: 8 }, (_, index) => open(`h${index}`, 0));
    const decide = (...more: RolloutTarget[]) => decideRollout(running({ rings }), [...ten, ...more], START);
    expect(decide(failed('x', 0), open('y', 0)).state).toBe('running');
    expect(decide(failed('x', 0), failed('y', 0))).toMatchObject({
      state: 'halted',
      open: [],
      waitsFor: 'Ring first: 2 failed, and 2 halt it.',
    });
    const stuckAfter = { workMinutes: 30, visitMinutes: 600 };
    const input = running({ rings, stuckAfter });
    const targets = [...ten.slice(0, 1), failed('x', 0), open('v', 0, { phase: 'visit' }), target('z', 1)];
    expect(decideRollout(input, targets, later(29))).toMatchObject({ state: 'halted' });
    const calm = [...ten.slice(0, 1), open('v', 0, { phase: 'visit' }), target('z', 1)];
    expect(decideRollout(input, calm, later(29))).toMatchObject({ state: 'running', movesAt: later(30), stuck: [] });
    const late = decideRollout(input, calm, later(30));
    expect(late).toMatchObject({ state: 'halted' });
    expect(late.stuck).toEqual([{ hostId: 'h0', reason: `Stuck: waits for its work since ${START.toISOString()}.` }]);
  });

  it('when a ring ends short of what must succeed', () => {
    const rings = [ring('first', { errorAt: null }), ring('rest')];
    expect(decideRollout(running({ rings }), [done('a', 0), failed('b', 0), target('c', 1)], START)).toMatchObject({
      state: 'halted',
      waitsFor: 'Ring first ended with 1 of the 2 that must succeed.',
    });
  });

  it('for later failures of an earlier ring too', () => {
    const targets = [failed('a', 0), done('b', 1), target('c', 2)];
    const rings = [ring('first', { successAt: { count: 0, percent: null } }), ring('second'), ring('rest')];
    expect(decideRollout(running({ rings }), targets, START).state).toBe('halted');
  });
});

describe('limits', () => {
  const rings = [ring('all')];
  it('count what is under way: in all, by site, and by KDK still to fetch', () => {
    const hosts = [
      target('a', 0),
      target('b', 0),
      target('c', 0, { site: 'paris', kdkBuild: '23F79' }),
      target('d', 0, { site: 'oslo', kdkBuild: '23F79' }),
    ];
    const openWith = (concurrency: Partial<RolloutStrategy['concurrency']>, targets = hosts) =>
      decideRollout(running({ rings, concurrency: { ...AT_ONCE.concurrency, ...concurrency } }), targets, START).open;
    expect(openWith({})).toEqual(['a', 'b', 'c', 'd']);
    expect(openWith({ total: 3 })).toEqual(['a', 'b', 'c']);
    expect(openWith({ total: 3 }, [open('x', 0), open('y', 0), ...hosts])).toEqual(['a']);
    expect(openWith({ perSite: 1 })).toEqual(['a', 'c', 'd']);
    expect(openWith({ perKdk: 1 })).toEqual(['a', 'b', 'c']);
    expect(openWith({ perKdk: 1 }, [open('x', 0, { kdkBuild: '23F79' }), ...hosts])).toEqual(['a', 'b']);
  });

  it('of a pair that was never witnessed one Mac is under way at a time, and none that told no pair', () => {
    const pair = (unseenPair: string | null) => ({ unseenPair });
    const hosts = [
      target('a', 0, pair('T6020 23F79')),
      target('b', 0, pair('T6020 23F79')),
      target('c', 0, pair('T8112 23F79')),
      target('d', 0, pair(null)),
      target('e', 0),
    ];
    const decide = (...under: RolloutTarget[]) => decideRollout(running({ rings }), [...under, ...hosts], START);
    expect(decide().open).toEqual(['a', 'c', 'e']);
    expect(decide(open('x', 0, pair('T6020 23F79'))).open).toEqual(['c', 'e']);
    const waiting = hosts.filter(({ hostId }) => hostId === 'b' || hostId === 'd');
    expect(decideRollout(running({ rings }), [open('x', 0, pair('T6020 23F79')), ...waiting], START).waitsFor).toBe(
      'A witness: T6020 23F79 was never witnessed here, so one Mac at a time. ' +
        '1 Mac(s) told no macOS build and variant yet: each may be the first of its kind.',
    );
  });

  it('nothing opens outside the window, and it says when it opens', () => {
    const window = { timeZone: 'Europe/Berlin', days: ['Mon' as const], from: '22:00', to: '06:00' };
    expect(decideRollout(running({ rings, window }), [target('a', 0)], START)).toMatchObject({
      open: [],
      movesAt: new Date('2026-03-02T21:00:00.000Z'),
      waitsFor: expect.stringContaining('22:00-06:00 Europe/Berlin'),
    });
    expect(decideRollout(running({ rings, window }), [target('a', 0)], new Date('2026-03-03T03:00:00Z')).open).toEqual([
      'a',
    ]);
  });

  it('outside the window it says what else it waits for, where nothing could open', () => {
    const window = { timeZone: 'Europe/Berlin', days: ['Mon' as const], from: '22:00', to: '06:00' };
    const gated = running({ rings: [ring('first'), ring('rest', { gate: 'manual' })], window });
    const waitsFor = (...targets: RolloutTarget[]) => decideRollout(gated, targets, START).waitsFor;
    expect(waitsFor(done('a', 0), target('b', 1))).toBe('A person: the gate of ring rest.');
    expect(waitsFor(open('a', 0), target('b', 1))).toBe('Ring first: 1 under way, 1 more must succeed.');
    expect(waitsFor(target('a', 0), target('b', 1))).toContain('The maintenance window');
  });
});

describe('what a ring waits for', () => {
  it('says when it can no longer succeed', () => {
    const rings = [ring('first', { errorAt: null }), ring('rest')];
    expect(decideRollout(running({ rings }), [failed('a', 0), open('b', 0), target('c', 1)], START)).toMatchObject({
      state: 'running',
      waitsFor: 'Ring first: 1 under way, it halts when they have ended, as 2 must succeed and at most 1 can.',
    });
  });

  it('names the end of its soak while others still wait for a place', () => {
    const rings = [ring('first', { successAt: { count: 1, percent: null }, soakMinutes: 60 }), ring('rest')];
    const input = running({ rings, concurrency: { ...AT_ONCE.concurrency, total: 1 } });
    const targets = [done('a', 0), open('b', 0), target('c', 0), target('d', 1)];
    expect(decideRollout(input, targets, later(10))).toMatchObject({ open: [], movesAt: later(60) });
  });

  it('guests that somebody counts may take as long as a visit', () => {
    const input = running({ rings: [ring('all')], stuckAfter: { workMinutes: 30, visitMinutes: 600 } });
    const decide = (minutes: number) =>
      decideRollout(input, [open('a', 0, { phase: 'witness' }), open('b', 0, { phase: 'visit' })], later(minutes))
        .stuck;
    expect(decide(599)).toEqual([]);
    expect(decide(600).map(({ reason }) => reason.split(' since')[0])).toEqual([
      'Stuck: waits for a witness',
      'Stuck: waits for a visit',
    ]);
  });
});

describe('a rollout that does not run', () => {
  it.each(['waiting_for_confirmation', 'paused', 'halted', 'finished', 'superseded'] as const)(
    '%s opens nothing',
    (state) => {
      const decision = decideRollout({ ...running(), state }, [target('a', 0), open('b', 0)], later(100_000));
      expect(decision).toMatchObject({ state, open: [], stuck: [] });
    },
  );

  it('ends as superseded only when it lost every Mac', () => {
    const lost = target('a', 0, { state: 'superseded' });
    expect(decideRollout(running(), [lost], START).state).toBe('superseded');
    expect(decideRollout(running(), [lost, done('b', 0)], START).state).toBe('finished');
  });
});

describe('the ring of a host', () => {
  it('is stable, and a percentage takes about that many, the same ones early in every rollout', () => {
    const ids = Array.from(
      { length: 2000 },
      (_, index) => `0195a1b2-0000-7000-8000-${String(index).padStart(12, '0')}`,
    );
    for (const percent of [1, 5, 25, 60]) {
      const taken = ids.filter((id) => shareOf(id) < percent).length / 20;
      expect(Math.abs(taken - percent)).toBeLessThan(2.5);
    }
    expect(shareOf('0195A1B2-0000-7000-8000-000000000001')).toBe(shareOf('0195a1b2-0000-7000-8000-000000000001'));
  });

  it('is the first that takes it: by list, label, share, and else the last', () => {
    const rings = [
      ring('one', { take: { kind: 'hosts', hostIds: ['h'] } }),
      ring('lab', { take: { kind: 'label', label: 'lab' } }),
      ring('none', { take: { kind: 'percent', percent: 0 } }),
      ring('half', { take: { kind: 'percent', percent: 100 } }),
    ];
    const of = (hostId: string, ...labels: string[]) => ringOf(strategy({ rings }), { hostId, labels });
    expect([of('h', 'lab'), of('i', 'lab'), of('i')]).toEqual([0, 1, 3]);
    expect(ringOf(strategy({ rings: rings.slice(0, 3) }), { hostId: 'i', labels: [] })).toBe(2);
  });
});

const arbitraryTarget = fc
  .record({
    ring: fc.nat({ max: 2 }),
    state: fc.constantFrom('pending', 'pending', 'opened', 'succeeded', 'failed', 'stuck', 'skipped', 'superseded'),
    site: fc.constantFrom('berlin', 'paris'),
    kdkBuild: fc.constantFrom(null, '23F79', '24B82'),
    ended: fc.nat({ max: 100 }),
    phase: fc.constantFrom('work', 'visit', 'witness'),
    since: fc.nat({ max: 100 }),
  })
  .map(
    ({ ended, since, ...rest }) =>
      ({ ...rest, endedAt: later(ended), phaseSince: later(since) }) as Omit<RolloutTarget, 'hostId'>,
  );
const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: null });

describe('every decision', () => {
  it('keeps the limits, opens pending Macs only, and none beyond a ring that has not succeeded', () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryTarget, { maxLength: 14 }),
        fc.record({ total: limit, perSite: limit, perKdk: limit }),
        fc.record({ count: limit, percent: fc.option(fc.constantFrom(10, 50, 100), { nil: null }) }),
        fc.subarray([0, 1, 2]),
        (drawn, concurrency, errorAt, gatesOpened) => {
          const targets = drawn.map((one, index): RolloutTarget => ({ ...one, hostId: `h${index}` }));
          const rings = strategy().rings.map((one) => ({ ...one, errorAt, gate: 'manual' as const, soakMinutes: 30 }));
          const input = running({ rings, concurrency }, gatesOpened);
          const decision = decideRollout(input, targets, later(90));
          expect(decision).toEqual(decideRollout(input, [...targets].reverse(), later(90)));
          const byId = new Map(targets.map((one) => [one.hostId, one]));
          for (const hostId of decision.open) {
            const one = byId.get(hostId);
            expect(one?.state).toBe('pending');
            expect(gatesOpened.includes(one?.ring ?? -1) || (one?.ring ?? 9) < decision.ring).toBe(true);
            for (const before of targets.filter(({ ring: index }) => index < (one?.ring ?? 0)))
              if (before.state === 'pending') expect(decision.open).toContain(before.hostId);
          }
          const underWay = targets.filter(({ state }) => state === 'opened').length + decision.open.length;
          if (decision.open.length > 0 && concurrency.total !== null)
            expect(underWay).toBeLessThanOrEqual(concurrency.total);
          const failures = targets.filter(
            ({ state, ring: index }) => ['failed', 'stuck'].includes(state) && index === 0,
          );
          const size = targets.filter(
            ({ state, ring: index }) => index === 0 && !['skipped', 'superseded'].includes(state),
          );
          const halts = thresholdOf(errorAt, size.length);
          if (halts !== null && failures.length >= Math.max(halts, 1)) expect(decision.open).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
