/**
 * The controller's core, agents, people and faults, with time under control: no job lost, none under two live leases, one finish of each
 * hand-out, nothing lowered without consent, raised only when it is true; rollouts keep rings, gates, soak, windows, limits and
 * thresholds, begin with one Mac of what was never witnessed, and open nothing once stopped; and every host gets to where its policy
 * wants it when the faults stop.
 * The long run: npm run simulate -- --seeds N --seconds S.
 */
import { AT_ONCE, type RolloutStrategy } from '@headroom/core';
import type { FinishRequest } from '@headroom/proto';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../apps/controller/src/agents/report-change.ts';
import type { Database, Tx } from '../../apps/controller/src/db/database.ts';
import { RolloutEngine } from '../../apps/controller/src/rollouts/rollout-engine.ts';
import { UNSEEN_TARGETS } from '../../apps/controller/src/witness/pairs.ts';
import { FAULT_NAMES } from './faults.ts';
import { type CheckInAnswer, ModelJobs } from './model-jobs.ts';
import type { Rows } from './rows.ts';
import type { MakeEngine } from './sim-controller.ts';
import { type Breaks, simulate } from './simulate.ts';
import { type Act, DAY, HOUR, type RunResult, World } from './world.ts';

const SEEDS = 10;
const from = Number(process.env['HEADROOM_SEED'] ?? 1);

describe(`seeds ${from} to ${from + SEEDS - 1}`, () => {
  const results: RunResult[] = [];

  it('hold whatever fails, and end at rest', { timeout: 240_000 }, async () => {
    for (let seed = from; seed < from + SEEDS; seed += 1) {
      const result = await simulate({ seed });
      results.push(result);
      const told = [...(result.shortest ?? []), ...result.trace.slice(-20)].join('\n');
      expect(result.violation, `npm run simulate -- --seed ${seed}\n${told}`).toBeNull();
    }
  });

  it('meet every fault and really work', () => {
    const met = new Set(
      results.flatMap(({ faults }) => [...faults.keys()].map((name) => name.replace(/ \(.*\)$/, ''))),
    );
    expect([...met].sort()).toEqual([...FAULT_NAMES].sort());
    const sum = (of: (result: RunResult) => number) => results.reduce((total, result) => total + of(result), 0);
    expect(sum(({ jobs }) => jobs)).toBeGreaterThan(SEEDS * 10);
    expect(sum(({ flips }) => flips)).toBeGreaterThan(SEEDS * 4);
    expect(sum(({ stops }) => stops)).toBeGreaterThan(0);
  });

  it('are replayed exactly', async () => {
    const again = await simulate({ seed: from });
    expect(again.digest).toBe(results[0]?.digest);
    expect((await simulate({ seed: from + SEEDS })).digest).not.toBe(again.digest);
  });
});

/** Stores that do one thing wrong. */
class LeasesTwice extends ModelJobs {
  override lease(hostId: string, session: bigint) {
    for (const job of this.rows.jobs)
      if (job.hostId === hostId && job.state === 'leased') job.leaseExpiresAt = new Date(0);
    return super.lease(hostId, session);
  }
}

class TakesAnyFinish extends ModelJobs {
  override finish(hostId: string, position: Position, request: FinishRequest) {
    const job = this.rows.jobs.find(({ id }) => id === request.jobId);
    const leaseNumber = job?.leaseNumber ?? 0;
    return super.finish(hostId, position, { ...request, leaseNumber });
  }
}

class LosesJobs extends ModelJobs {
  override finish(hostId: string, position: Position, request: FinishRequest) {
    const result = super.finish(hostId, position, request);
    for (const job of this.rows.jobs) if (job.hostId === hostId && job.state === 'queued') job.state = 'dead';
    return result;
  }
}

class TakesOldReports extends ModelJobs {
  override checkIn(hostId: string, position: Position, ...rest: readonly [never, string]): CheckInAnswer {
    const host = this.rows.hosts.find(({ id }) => id === hostId);
    if (host !== undefined) host.report.sequence = -1n;
    return super.checkIn(hostId, position, ...rest);
  }
}

class NeverTakesBack extends ModelJobs {
  override workAvailable(): boolean {
    return false;
  }
}

/** As if every pair had been witnessed. */
function withoutPairs(database: Database): Database {
  const blind = (tx: Tx) => ({
    ...tx,
    $queryRawUnsafe: async (text: string, ...values: unknown[]) =>
      text === UNSEEN_TARGETS ? [] : tx.$queryRawUnsafe(text, ...values),
  });
  const transaction = (work: (tx: Tx) => Promise<unknown>) => database.transaction((tx) => work(blind(tx) as Tx));
  return { ...database, transaction } as unknown as Database;
}

/** As a rollout that was made without looking for pairs. */
function dropFirstRings({ rollouts, targets }: Rows): void {
  for (const rollout of rollouts)
    Object.assign(rollout, { strategy: { ...rollout.strategy, rings: rollout.strategy?.rings.slice(-1) } });
  for (const target of targets) Object.assign(target, { ring: 0 });
}

describe('the watch notices', () => {
  /** `first` is where it was noticed when this was written; where it is not any more, others are tried. */
  const noticed = async (first: number, breaks: Breaks) => {
    for (let seed = first; seed < first + 40; seed += 1) {
      const { violation } = await simulate({ seed, kind: 'faults', peaceMs: 12 * HOUR, ...breaks }, false);
      if (violation !== null) return violation;
    }
    return 'nothing';
  };

  it.each([
    ['a job under two live leases', 1, LeasesTwice, /under two live leases/],
    ['a finish under a lease that is over', 1, TakesAnyFinish, /which is not the last|a second finish/],
    ['a job that gets lost', 1, LosesJobs, /is open with 0 open jobs/],
    ['facts that go back', 1, TakesOldReports, /facts went back/],
    ['work that is never offered', 1, NeverTakesBack, /not at rest 12 h after the last fault/],
  ])('%s', async (_name, first, Store, expected) => {
    const makeJobs: Breaks['makeJobs'] = (rows, options) => new Store(rows, options);
    expect(await noticed(first, { makeJobs })).toMatch(expected);
  });

  it('a step that lowers after its consent ended', async () => {
    expect(await noticed(1, { agentsIgnoreTime: true })).toMatch(/after the end of its consent/);
  });

  it('a rollout that goes on though it was stopped', async () => {
    const makeEngine: MakeEngine = (rows, database, bus, clock) =>
      new (class extends RolloutEngine {
        override openDue(now: Date): Promise<void> {
          for (const rollout of rows.rollouts) if (rollout.state === 'paused') rollout.state = 'running';
          return super.openDue(now);
        }
      })(database, bus, clock);
    const one = { ...AT_ONCE, success: 'prepared', concurrency: { ...AT_ONCE.concurrency, total: 1 } } as const;
    const acts: readonly Act[] = [
      { name: 'apply', run: ({ people }) => people.apply({ policy: 0, quota: 8, strategy: one, lastsMs: 90 * DAY }) },
      { name: 'pause', run: ({ people }) => people.steer('pause', 0, 0) },
      { name: 'wait', run: (world) => world.pass(2 * HOUR) },
    ];
    const { violation } = await new World({ seed: 1, hosts: 3, acts, makeEngine }).run();
    expect(violation).toMatch(/was stopped and opens/);
  });

  it.each<[string, number, RegExp]>([
    ['that told no build', 0, /opens mac-\d, which told no variant and build/],
    ['of what was never witnessed', HOUR, /T6020 23F79 was never witnessed/],
  ])('a rollout that opens several Macs %s', async (_name, waitMs, expected) => {
    const makeEngine: MakeEngine = (_rows, database, bus, clock) =>
      new RolloutEngine(withoutPairs(database), bus, clock);
    const seen: RolloutStrategy = { ...AT_ONCE, success: 'witnessed' };
    const acts: readonly Act[] = [
      ...(waitMs > 0 ? [{ name: 'wait', run: (world: World) => world.pass(waitMs) }] : []),
      { name: 'apply', run: ({ people }) => people.apply({ policy: 0, quota: 8, strategy: seen, lastsMs: 90 * DAY }) },
      { name: 'no ring of one', run: async ({ rows }) => dropFirstRings(rows) },
      { name: 'wait', run: (world) => world.pass(2 * HOUR) },
    ];
    const { violation } = await new World({ seed: 1, hosts: 3, acts, makeEngine }).run();
    expect(violation).toMatch(expected);
  });
});
