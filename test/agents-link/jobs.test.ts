/** Leases and ends of jobs: who gets a job, whose finish counts, what comes after it. */
import { retryAfterFailure } from '@headroom/core';
import { type FinishRequest, Outcome } from '@headroom/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type TestController } from './support/controller.ts';
import { Mac } from './support/mac.ts';
import { openPlan } from './support/plans.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

async function readyMac(): Promise<Mac> {
  const mac = await Mac.enrol(controller);
  await mac.openSession();
  return mac;
}

async function leased(mac: Mac) {
  const { job } = await mac.lease();
  if (job === undefined) throw new Error('expected a job, got none');
  return job;
}

const jobRow = (id: string) => controller.database.prisma.job.findUniqueOrThrow({ where: { id } });
const planRow = (id: string) => controller.database.prisma.plan.findUniqueOrThrow({ where: { id } });
const jobsOf = (planId: string) =>
  controller.database.prisma.job.findMany({ where: { planId }, orderBy: { stepIndex: 'asc' } });

const failed = (errorCode: string): Partial<FinishRequest> => ({
  outcome: Outcome.FAILED,
  errorCode,
  errorDetail: 'what was expected and seen',
});

describe('a plan', () => {
  it('goes from step to step: result and facts stored, next job opened, plan done, host due', async () => {
    const mac = await readyMac();
    const { planId, bytes } = await openPlan(controller, mac, [{ kind: 'collect_facts' }, { kind: 'collect_facts' }]);
    const first = await leased(mac);
    expect(first).toMatchObject({
      kind: 'collect_facts',
      leaseNumber: 1,
      generation: 1n,
      stepIndex: 0,
      leaseTtlMs: 30_000,
    });
    expect(first.plan.equals(bytes)).toBe(true);
    await controller.database.prisma.hostState.update({ where: { hostId: mac.hostId }, data: { dueAt: null } });
    const reply = await mac.finish({
      ...first,
      resultJson: Buffer.from('{"path":"/var/db/headroom/kc"}'),
      factsJson: Buffer.from(JSON.stringify(mac.facts({ fileVault: 'on' }))),
    });
    expect(reply).toMatchObject({ accepted: true, code: '', workAvailable: true });
    const { prisma } = controller.database;
    const host = await prisma.host.findUniqueOrThrow({
      where: { id: mac.hostId },
      include: { report: true, state: true },
    });
    expect(host.report?.facts).toMatchObject({ fileVault: 'on' });
    expect(host.state?.dueAt).not.toBeNull();
    expect(controller.wakes).toContainEqual({ kind: 'due', hostId: mac.hostId });
    const second = await leased(mac);
    expect(second.stepIndex).toBe(1);
    expect((await planRow(planId)).state).toBe('open');
    expect((await mac.finish(second)).workAvailable).toBe(false);
    expect(await planRow(planId)).toMatchObject({ state: 'done', endedAt: expect.any(Date) });
    const [one, two] = await jobsOf(planId);
    expect([one?.state, two?.state]).toEqual(['succeeded', 'succeeded']);
    expect(one?.result).toEqual({ path: '/var/db/headroom/kc' });
    const audit = await prisma.audit.findMany({ where: { entityId: first.jobId }, orderBy: { id: 'asc' } });
    expect(audit.map(({ action, actor }) => `${action} by ${actor.split(':')[0]}`).sort()).toEqual([
      'job.lease by host',
      'job.open by system',
      'job.succeed by host',
    ]);
    const lines = await prisma.hostEvent.findMany({ where: { hostId: mac.hostId }, orderBy: { id: 'asc' } });
    expect(lines.map(({ kind }) => kind).filter((kind) => /^(step|plan)/.test(kind))).toEqual([
      'step.started',
      'step.finished',
      'step.opened',
      'step.started',
      'step.finished',
      'plan.done',
    ]);
    expect(lines.find(({ kind }) => kind === 'step.opened')?.detail).toEqual({
      jobId: second.jobId,
      kind: 'collect_facts',
      stepIndex: 1,
    });
  });

  it('fails when a step fails for good, and no further step is opened', async () => {
    const mac = await readyMac();
    const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }, { kind: 'collect_facts' }]);
    const job = await leased(mac);
    const { hostState } = controller.database.prisma;
    await hostState.update({ where: { hostId: mac.hostId }, data: { dueAt: null, presence: 'online' } });
    expect(await mac.finish({ ...job, ...failed('KDK_SHA256_MISMATCH') })).toMatchObject({ accepted: true });
    expect((await hostState.findUniqueOrThrow({ where: { hostId: mac.hostId } })).dueAt).not.toBeNull();
    expect(await planRow(planId)).toMatchObject({ state: 'failed' });
    const jobs = await jobsOf(planId);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toMatchObject({
      state: 'failed',
      errorCode: 'KDK_SHA256_MISMATCH',
      errorDetail: 'what was expected and seen',
    });
  });

  it.each([
    ['place_kit', '{"kcMd5":"none"}', 'result.kcMd5: expected 32 hex digits'],
    ['build_kc', '', 'result: expected an object'],
  ] as const)(
    'fails when what %s made cannot be read, so that it is not made over and over',
    async (kind, json, says) => {
      const mac = await readyMac();
      const { planId } = await openPlan(controller, mac, [{ kind } as never, { kind: 'collect_facts' }]);
      const job = await leased(mac);
      expect(await mac.finish({ ...job, resultJson: Buffer.from(json) })).toMatchObject({ accepted: true });
      const error = { errorCode: 'STEP_RESULT_UNREADABLE', errorDetail: expect.stringContaining(says) };
      expect(await jobsOf(planId)).toMatchObject([{ state: 'failed', ...error }]);
      expect(await planRow(planId)).toMatchObject({ state: 'failed' });
      expect(retryAfterFailure('STEP_RESULT_UNREADABLE', new Date(0), 1)?.getTime()).toBe(3_600_000);
    },
  );

  it('fails when the agent declines, and when it reports a code that nobody knows', async () => {
    for (const [outcome, code, state] of [
      [Outcome.REFUSED, 'GRANT_EXPIRED', 'refused'],
      [Outcome.FAILED, 'SOMETHING_NEW', 'failed'],
    ] as const) {
      const mac = await readyMac();
      const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
      const job = await leased(mac);
      await mac.finish({ ...job, ...failed(code), outcome });
      expect(await jobRow(job.jobId)).toMatchObject({ state, errorCode: code });
      expect(await planRow(planId)).toMatchObject({ state: 'failed' });
    }
  });
});

describe('a lease', () => {
  it('is given once, and again only to a newer session or after it ran out', async () => {
    const mac = await readyMac();
    await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const answers = await Promise.all([mac.lease(), mac.lease(), mac.lease()]);
    expect(answers.filter(({ job }) => job !== undefined)).toHaveLength(1);
    const newer = mac.twin();
    await newer.openSession();
    expect((await leased(newer)).leaseNumber).toBe(2);
    expect((await newer.lease()).job).toBeUndefined();
    controller.clock.advance(30_001);
    expect((await leased(newer)).leaseNumber).toBe(3);
  });

  it('refuses the finish of an older one, which does no harm', async () => {
    const mac = await readyMac();
    const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const old = await leased(mac);
    await mac.openSession();
    const present = await leased(mac);
    const factsJson = Buffer.from(JSON.stringify(mac.facts({ fileVault: 'off' })));
    expect(await mac.finish({ ...old, factsJson })).toMatchObject({ accepted: false, code: 'FINISH_STALE_LEASE' });
    expect(await planRow(planId)).toMatchObject({ state: 'open' });
    const report = await controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId: mac.hostId } });
    expect(report.facts).toBeNull();
    expect(await mac.finish(present)).toMatchObject({ accepted: true });
    expect(await mac.finish(present)).toMatchObject({ accepted: false, code: 'FINISH_UNKNOWN_JOB' });
  });

  it('that lapsed costs no attempt, and its holder may still finish while nobody else has it', async () => {
    const mac = await readyMac();
    controller.clock.advance(30_001);
    await controller.jobs.sweep();
    const { jobId, planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const job = await leased(mac);
    expect(await controller.jobs.sweep()).toBe(0);
    controller.clock.advance(30_001);
    expect(await controller.jobs.sweep()).toBe(1);
    expect(await jobRow(jobId)).toMatchObject({ state: 'queued', attempts: 0, leaseNumber: 1 });
    expect(controller.wakes).toContainEqual({ kind: 'work', hostId: mac.hostId });
    expect((await mac.checkIn(null)).workAvailable).toBe(true);
    expect(await mac.finish(job)).toMatchObject({ accepted: true });
    expect(await planRow(planId)).toMatchObject({ state: 'done' });
    expect(await controller.jobs.sweep()).toBe(0);
  });

  it('is kept by renewing, which shows progress, and is lost with a newer lease', async () => {
    const mac = await readyMac();
    const { jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const { leaseNumber } = await leased(mac);
    controller.clock.advance(20_000);
    expect(await mac.renew(jobId, leaseNumber, 'KDK 412 of 812 MB')).toMatchObject({
      stillYours: true,
      leaseTtlMs: 30_000,
    });
    controller.clock.advance(20_000);
    expect(await controller.jobs.sweep()).toBe(0);
    expect(await jobRow(jobId)).toMatchObject({ state: 'leased', progress: 'KDK 412 of 812 MB' });
    expect(await mac.renew(jobId, leaseNumber + 1)).toMatchObject({ stillYours: false });
    await mac.openSession();
    expect(await mac.renew(jobId, leaseNumber)).toMatchObject({ stillYours: false });
  });

  it('of a replaced plan ends: its finish is of an old generation', async () => {
    const mac = await readyMac();
    const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }], 1);
    const old = await leased(mac);
    await controller.database.transaction(async (tx) => {
      await controller.jobs.cancelOpen(tx, {
        hostId: mac.hostId,
        lane: 'plan',
        actor: 'system:test',
        reason: 'replaced',
      });
      await tx.plan.update({ where: { id: planId }, data: { state: 'superseded' } });
    });
    await openPlan(controller, mac, [{ kind: 'collect_facts' }], 2);
    expect(await mac.renew(old.jobId, old.leaseNumber)).toMatchObject({ stillYours: false });
    expect(await mac.finish(old)).toMatchObject({
      accepted: false,
      code: 'FINISH_OLD_GENERATION',
      workAvailable: true,
    });
    expect((await leased(mac)).generation).toBe(2n);
  });
});

describe('the border between Macs', () => {
  it("lets no Mac touch another one's job", async () => {
    const [owner, other] = [await readyMac(), await readyMac()];
    const { jobId, planId } = await openPlan(controller, owner, [{ kind: 'collect_facts' }]);
    const job = await leased(owner);
    expect((await other.lease()).job).toBeUndefined();
    expect(await other.renew(jobId, job.leaseNumber)).toMatchObject({ stillYours: false });
    expect(await other.finish(job)).toMatchObject({ accepted: false, code: 'FINISH_UNKNOWN_JOB' });
    expect(await jobRow(jobId)).toMatchObject({ state: 'leased' });
    expect(await planRow(planId)).toMatchObject({ state: 'open' });
  });

  it('opens no second job in a lane', async () => {
    const mac = await readyMac();
    const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const { hostId } = mac;
    const second = controller.database.transaction((tx) =>
      controller.jobs.openJob(tx, { hostId, planId, lane: 'plan', stepIndex: 0, kind: 'collect_facts' }),
    );
    await expect(second).rejects.toMatchObject({ code: 'CONFLICT' });
    await controller.database.transaction((tx) =>
      controller.jobs.openJob(tx, { hostId, planId: null, lane: 'care', stepIndex: 0, kind: 'collect_facts' }),
    );
    expect((await leased(mac)).plan.length).toBeGreaterThan(0);
    const care = await leased(mac);
    expect([care.plan.length, care.generation]).toEqual([0, 0n]);
    expect(await mac.finish(care)).toMatchObject({ accepted: true });
  });
});

// The last, as it moves the clock by hours: certificates made after it would not be valid yet.
describe('failures that time may cure', () => {
  it('are tried again after a minute, two, four, ... an hour; the eighth failure is the last', async () => {
    const mac = await readyMac();
    const { planId, jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    for (let failures = 1; failures <= 8; failures++) {
      const job = await leased(mac);
      expect((await mac.finish({ ...job, ...failed('KDK_DOWNLOAD_FAILED') })).accepted).toBe(true);
      expect((await mac.finish({ ...job, ...failed('KDK_DOWNLOAD_FAILED') })).accepted).toBe(false);
      expect(await jobRow(jobId)).toMatchObject({ attempts: failures, state: failures < 8 ? 'queued' : 'dead' });
      controller.clock.advance(Math.min(60_000 * 2 ** (failures - 1), 3_600_000) - 1_000);
      expect((await mac.lease()).job).toBeUndefined();
      controller.clock.advance(1_000);
    }
    expect(await planRow(planId)).toMatchObject({ state: 'failed' });
  });
});
