/** Ends that no report tells: cancelled while a Mac works on it, too old, not heard of again. None of them lies about what happened. */
import { Outcome } from '@headroom/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { EndedTally } from '../../apps/controller/src/jobs/ended-tally.ts';
import { JobEnds } from '../../apps/controller/src/jobs/job-ends.ts';
import { JOB_AGE_MS_MAX } from '../../apps/controller/src/jobs/job-life.ts';
import { startController, type TestController } from './support/controller.ts';
import { Mac } from './support/mac.ts';
import { openPlan } from './support/plans.ts';

let controller: TestController;
let ends: JobEnds;
let tally: EndedTally;
beforeAll(async () => {
  controller = await startController();
  tally = new EndedTally(controller.database, controller.clock.now());
  ends = new JobEnds(controller.database, controller.bus, controller.clock);
});
afterAll(() => controller?.stop());

const STEPS = [{ kind: 'collect_facts' }, { kind: 'collect_facts' }] as const;

async function working(steps: (typeof STEPS)[number][] = [...STEPS]) {
  const mac = await Mac.enrol(controller);
  await mac.openSession();
  const { planId } = await openPlan(controller, mac, steps);
  const { job } = await mac.lease();
  if (job === undefined) throw new Error('expected a job, got none');
  return { mac, job, planId };
}

const states = async (planId: string) => {
  const { prisma } = controller.database;
  const plan = await prisma.plan.findUniqueOrThrow({ where: { id: planId } });
  const jobs = await prisma.job.findMany({ where: { planId }, orderBy: { stepIndex: 'asc' } });
  return [plan.state, ...jobs.map(({ state }) => state)].join(' ');
};
const cancel = (jobId: string) =>
  ends.cancel({ jobId, actor: 'token:admin', now: controller.clock.now() }, 'wrong Macs');

describe('a job that a Mac works on and that somebody cancels', () => {
  it('is being cancelled until the Mac lets it go, and is handed out to nobody meanwhile', async () => {
    const { mac, job, planId } = await working();
    await cancel(job.jobId);
    await cancel(job.jobId);
    expect(await states(planId)).toBe('open cancelling');
    expect(await mac.renew(job.jobId, job.leaseNumber)).toMatchObject({ stillYours: false });
    await mac.openSession();
    expect((await mac.lease()).job).toBeUndefined();
    expect(await ends.letGo(controller.clock.now())).toBe(0);
    controller.clock.advance(30_001);
    expect(await controller.jobs.sweep()).toBe(0);
    expect(await ends.letGo(controller.clock.now())).toBe(1);
    expect(await states(planId)).toBe('cancelled cancelled');
    expect(await mac.finish(job)).toMatchObject({ accepted: false, code: 'FINISH_UNKNOWN_JOB' });
  });

  it.each([
    ['came to its end: that counts, and the next step is not begun', STEPS, {}, 'cancelled succeeded'],
    ['came to the end of the last step: it was too late', STEPS.slice(1), {}, 'done succeeded'],
    ['failed for good', STEPS, { outcome: Outcome.FAILED, errorCode: 'KDK_SHA256_MISMATCH' }, 'failed failed'],
    ['failed, to be tried again', STEPS, { outcome: Outcome.FAILED, errorCode: 'KC_TIMED_OUT' }, 'cancelled cancelled'],
    ['declined', STEPS, { outcome: Outcome.REFUSED, errorCode: 'GRANT_EXPIRED' }, 'failed refused'],
  ])('and %s', async (_what, steps, report, expected) => {
    const { mac, job, planId } = await working([...steps]);
    await cancel(job.jobId);
    expect(await mac.finish({ ...job, ...report })).toMatchObject({ accepted: true });
    expect(await states(planId)).toBe(expected);
  });
});

describe('a job that becomes too old', () => {
  /** Certificates go by the real time, so the clock of the controller stays near it. */
  const sweepLater = (ms: number) => ends.expire(new Date(controller.clock.now().getTime() + ms));

  it('is a dead letter when no Mac has it, and its plan failed', async () => {
    const mac = await Mac.enrol(controller);
    const { planId, jobId } = await openPlan(controller, mac, [...STEPS]);
    await sweepLater(JOB_AGE_MS_MAX - 60_000);
    expect(await states(planId)).toBe('open queued');
    await sweepLater(JOB_AGE_MS_MAX);
    expect(await states(planId)).toBe('failed dead');
    const row = await controller.database.prisma.job.findUniqueOrThrow({ where: { id: jobId } });
    expect(row).toMatchObject({ errorCode: 'JOB_DEADLINE', errorDetail: 'not done within 7 days' });
  });

  it('ends at its own time, however many were before it: who watches is told of the last few seconds', async () => {
    const { database, clock } = controller;
    const bus = new (class extends InProcessBus {
      override publish(): void {
        clock.advance(1_000);
      }
    })();
    const old: string[] = [];
    for (const mac of [await Mac.enrol(controller), await Mac.enrol(controller)])
      old.push((await openPlan(controller, mac, [...STEPS])).jobId);
    const createdAt = new Date(clock.now().getTime() - JOB_AGE_MS_MAX);
    await database.prisma.job.updateMany({ where: { id: { in: old } }, data: { createdAt } });
    await new JobEnds(database, bus, clock).expire(clock.now());
    const ended = await database.prisma.job.findMany({ where: { id: { in: old } }, orderBy: { finishedAt: 'asc' } });
    const [first, second] = ended.map(({ finishedAt }) => finishedAt?.getTime() ?? 0);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it('is taken from a Mac that is still at it', async () => {
    const { mac, job, planId } = await working();
    const { prisma } = controller.database;
    const createdAt = new Date(controller.clock.now().getTime() - JOB_AGE_MS_MAX);
    await prisma.job.update({ where: { id: job.jobId }, data: { createdAt } });
    await ends.expire(controller.clock.now());
    expect(await states(planId)).toBe('open cancelling');
    expect(await mac.renew(job.jobId, job.leaseNumber)).toMatchObject({ stillYours: false });
    controller.clock.advance(30_001);
    await ends.letGo(controller.clock.now());
    expect(await states(planId)).toBe('cancelled cancelled');
  });
});

describe('how many ended, for Prometheus', () => {
  const later = (ms: number) => new Date(controller.clock.now().getTime() + JOB_AGE_MS_MAX + ms);
  const counted = async (ms: number) => Object.fromEntries(await tally.read(later(ms)));

  it('is what the table of jobs says, by how they ended, and each of them is counted once', async () => {
    const { mac, job } = await working(STEPS.slice(1));
    expect(await mac.finish({ ...job })).toMatchObject({ accepted: true });
    const rows = await controller.database.look<{ state: string; jobs: number }>(
      'SELECT state, count(*)::int AS jobs FROM job WHERE finished_at IS NOT NULL GROUP BY state',
    );
    const ended = Object.fromEntries(rows.map(({ state, jobs }) => [state, jobs]));
    expect(Object.keys(ended).sort()).toEqual(['cancelled', 'dead', 'failed', 'refused', 'succeeded']);
    expect(await counted(60_000)).toEqual(ended);
    await Promise.all([tally.read(later(120_000)), tally.read(later(120_000)), tally.keepUp(later(3_600_000))]);
    expect(await counted(7_200_000)).toEqual(ended);
  });

  it('goes on counting when the clock was set back', async () => {
    const before = await counted(7_200_000);
    const soon = (ms: number) => new Date(controller.clock.now().getTime() + ms);
    await tally.keepUp(soon(31_000));
    controller.clock.advance(2_000);
    const { mac, job } = await working(STEPS.slice(1));
    expect(await mac.finish({ ...job })).toMatchObject({ accepted: true });
    const seen = Object.fromEntries(await tally.read(soon(600_000)));
    expect(seen).toEqual({ ...before, succeeded: (before['succeeded'] ?? 0) + 1 });
  });
});
