/**
 * The controller's core, agents and faults, with time under control: no job lost, none under two live leases, one finish of each
 * hand-out, nothing lowered without consent, raised only when it is true, and every host raised when the faults stop.
 * The long run: npm run simulate -- --seeds N --seconds S.
 */
import type { FinishRequest } from '@headroom/proto';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../apps/controller/src/agents/report-change.ts';
import { FAULT_NAMES } from './faults.ts';
import { type CheckInAnswer, ModelJobs } from './model-jobs.ts';
import { type RunOptions, type RunResult, simulate } from './world.ts';

const SEEDS = 20;
const from = Number(process.env['HEADROOM_SEED'] ?? 1);

describe(`seeds ${from} to ${from + SEEDS - 1}`, () => {
  const results: RunResult[] = [];

  it('hold whatever fails, and end raised', async () => {
    for (let seed = from; seed < from + SEEDS; seed += 1) {
      const result = await simulate({ seed });
      results.push(result);
      const end = result.trace.slice(-20).join('\n');
      expect(result.violation, `npm run simulate -- --seed ${seed}\n${end}`).toBeNull();
    }
  });

  it('meet every fault and really work', () => {
    const met = new Set(
      results.flatMap(({ faults }) => [...faults.keys()].map((name) => name.replace(/ \(.*\)$/, ''))),
    );
    expect([...met].sort()).toEqual([...FAULT_NAMES].sort());
    expect(results.reduce((sum, { jobs }) => sum + jobs, 0)).toBeGreaterThan(SEEDS * 10);
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

describe('the watch notices', () => {
  const noticed = async (options: Omit<RunOptions, 'seed'>) => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { violation } = await simulate({ seed, ...options });
      if (violation !== null) return violation;
    }
    return 'nothing';
  };
  const using = (Store: typeof ModelJobs) => noticed({ makeJobs: (rows, options) => new Store(rows, options) });

  it.each([
    ['a job under two live leases', LeasesTwice, /under two live leases/],
    ['a finish under a lease that is over', TakesAnyFinish, /which is not the last|a second finish/],
    ['a job that gets lost', LosesJobs, /is open with 0 open jobs/],
    ['facts that go back', TakesOldReports, /facts went back/],
    ['work that is never offered', NeverTakesBack, /not raised 8 h after the last fault/],
  ])('%s', async (_name, store, expected) => {
    expect(await using(store as typeof ModelJobs)).toMatch(expected);
  });

  it('a step that lowers after its consent ended', async () => {
    expect(await noticed({ agentsIgnoreTime: true })).toMatch(/after the end of its consent/);
  });
});
