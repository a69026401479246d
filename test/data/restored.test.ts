/**
 * A restored database knows less than the agents do. They must not fall silent: sessions, positions and leases go on from what
 * the old database says, and a plan generation that only the agent has seen is passed.
 */
import { Readable, Writable } from 'node:stream';
import { Outcome } from '@headroom/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportFleet } from '../../apps/controller/src/data/export-fleet.ts';
import { importFleet } from '../../apps/controller/src/data/import-fleet.ts';
import { PlanWriter } from '../../apps/controller/src/plans/plan-writer.ts';
import { startController, type TestController } from '../agents-link/support/controller.ts';
import { Mac, refusal } from '../agents-link/support/mac.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

async function onClient<T>(work: (client: Parameters<typeof importFleet>[0]) => Promise<T>): Promise<T> {
  const client = await controller.database.pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

function backUp(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return onClient(async (client) => {
    await exportFleet(client, out, controller.clock.now());
    return Buffer.concat(chunks);
  });
}

/** Everything since the back-up is lost; keys are files and stay. */
function restore(file: Buffer): Promise<unknown> {
  return onClient(async (client) => {
    const { rows } = await client.query<{ names: string }>(
      `SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables
       WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`,
    );
    await client.query(`TRUNCATE ${rows[0]?.names}`);
    return importFleet(client, Readable.from(file));
  });
}

/** As the evaluator does: under the generation after the one that the host's report holds. */
async function newPlan(mac: Mac): Promise<{ readonly generation: bigint; readonly jobId: string }> {
  const { database, clock, jobs } = controller;
  const { generation } = await reportOf(mac);
  const order = { hostId: mac.hostId, hardwareUuid: mac.hostUuid, generation, intentNumber: 1, quota: 2, grant: null };
  const steps = [{ kind: 'collect_facts' as const }];
  await database.transaction((tx) => new PlanWriter(database, jobs).create(tx, [{ ...order, steps }], clock.now()));
  const open = { hostId: mac.hostId, state: 'queued' };
  const job = await database.prisma.job.findFirstOrThrow({ where: open });
  return { generation: generation + 1n, jobId: job.id };
}

/** Leases the open job and ends it. */
async function work(mac: Mac): Promise<{ jobId: string; leaseNumber: number; generation: bigint }> {
  const { job } = await mac.lease();
  if (job === undefined) throw new Error('there is nothing to lease');
  const { jobId, leaseNumber, generation } = job;
  const done = { jobId, leaseNumber, generation, outcome: Outcome.SUCCEEDED };
  expect(await mac.finish(done)).toMatchObject({ accepted: true });
  return done;
}

const reportOf = (mac: Mac) =>
  controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId: mac.hostId } });
const plansOf = (mac: Mac) =>
  controller.database.prisma.plan.findMany({
    where: { hostId: mac.hostId },
    select: { generation: true, state: true },
    orderBy: { generation: 'asc' },
  });

describe('a restored database', () => {
  it('is moved past the generation that an agent shows, and its agents work on', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await newPlan(mac);
    await work(mac);
    const backup = await backUp();
    // The time that will be lost: two more plans, three more sessions, many reports, and one finish that never arrived.
    await newPlan(mac);
    await work(mac);
    await newPlan(mac);
    const lost = await work(mac);
    for (let n = 0; n < 3; n += 1) await mac.openSession(3n);
    for (let n = 0; n < 5; n += 1) await mac.checkIn(mac.facts());
    const before = mac.session;
    await restore(backup);
    controller.clock.advance(60_000);
    expect((await reportOf(mac)).generation).toBe(1n);
    // Between the restore and the agent's return the evaluator makes a plan under a number that the agent knows already.
    const reused = await newPlan(mac);
    expect(reused.generation).toBe(2n);

    expect(await refusal(mac.checkIn(null))).toBe('SESSION_FENCED');
    expect(await refusal(mac.lease())).toBe('SESSION_FENCED');
    const { sessionNumber } = await mac.openSession(3n);
    expect(sessionNumber).toBeGreaterThan(before);
    expect((await reportOf(mac)).generation).toBe(3n);
    // The plan that the agent would decline is replaced, so nothing is leased that ends in a refusal.
    expect(await plansOf(mac)).toEqual([
      { generation: 1n, state: 'done' },
      { generation: 2n, state: 'superseded' },
    ]);
    expect((await mac.lease()).job).toBeUndefined();
    // What the agent still wants to say of the lost time is declined with its code, and harms nothing.
    expect(await mac.finish(lost)).toMatchObject({ accepted: false, code: 'FINISH_UNKNOWN_JOB' });

    const next = await newPlan(mac);
    expect(next.generation).toBe(4n);
    expect(await work(mac)).toMatchObject({ generation: 4n, jobId: next.jobId });
    expect(await plansOf(mac)).toContainEqual({ generation: 4n, state: 'done' });
  });

  it('gives no session number twice: an agent shows the highest it was given, and a clone stays out', async () => {
    const mac = await Mac.enrol(controller);
    const clone = mac.twin();
    const given = [(await mac.openSession()).sessionNumber];
    const backup = await backUp();
    for (let n = 0; n < 3; n += 1) given.push((await mac.openSession()).sessionNumber);
    const shown = mac.session;
    given.push((await clone.openSession()).sessionNumber);
    await restore(backup);

    // The Mac never heard of the number that its clone was given last; the database knows neither.
    given.push((await mac.openSession(0n, mac.hostUuid, [], shown)).sessionNumber);
    expect(await refusal(clone.checkIn(null)), 'the clone holds a number of the lost time').toBe('SESSION_FENCED');
    expect(await refusal(mac.checkIn(mac.facts()))).toBe('accepted');
    given.push((await clone.openSession(0n, mac.hostUuid, [], clone.session)).sessionNumber);
    expect(await refusal(mac.checkIn(null))).toBe('SESSION_FENCED');
    given.push((await mac.openSession(0n, mac.hostUuid, [], mac.session)).sessionNumber);
    expect(given).toEqual([...new Set(given)].sort((a, b) => (a < b ? -1 : 1)));
    const told = await controller.database.prisma.hostEvent.findMany({ where: { hostId: mac.hostId } });
    expect(told.map(({ kind }) => kind)).toContain('clone.suspected');
    expect(told.map(({ detail }) => (detail as { passedSession?: string }).passedSession)).toContain(String(shown));
  });

  it('keeps out a clone of the lost time also from a Mac that was given nothing in it', async () => {
    const mac = await Mac.enrol(controller);
    const clone = mac.twin();
    await mac.openSession();
    const shown = mac.session;
    const backup = await backUp();
    await clone.openSession();
    await restore(backup);
    controller.clock.advance(60_000);
    // Both the database and the Mac say that nothing came after its own session.
    await mac.openSession(0n, mac.hostUuid, [], shown);
    expect(await refusal(clone.checkIn(null))).toBe('SESSION_FENCED');
    expect(await refusal(mac.checkIn(mac.facts()))).toBe('accepted');
  });

  it("cannot be led to where numbers end, and what one host shows is no other host's number", async () => {
    const [mac, other] = [await Mac.enrol(controller), await Mac.enrol(controller)];
    await other.openSession();
    await mac.openSession(0n, mac.hostUuid, [], 2n ** 63n - 1n);
    await mac.openSession(0n, mac.hostUuid, [], 2n ** 52n);
    await mac.openSession(0n, mac.hostUuid, [], mac.session);
    expect(await refusal(mac.checkIn(null))).toBe('accepted');
    expect([other.session < 2n ** 40n, await refusal(other.checkIn(null))]).toEqual([true, 'accepted']);
    const { sessionNumber } = await other.openSession();
    expect(sessionNumber < 2n ** 40n).toBe(true);
  });

  it.each([2n ** 52n + 1n, 2n ** 53n, 2n ** 63n - 1n])(
    'ignores a generation that nobody gave (%d), and says so: its plans go on',
    async (shown) => {
      const mac = await Mac.enrol(controller);
      await mac.openSession();
      await newPlan(mac);
      await mac.openSession(shown);
      expect(await plansOf(mac)).toEqual([{ generation: 1n, state: 'open' }]);
      expect(await work(mac)).toMatchObject({ generation: 1n });
      expect((await newPlan(mac)).generation).toBe(2n);
      const ignored = { ignoredGeneration: String(shown) };
      const told = await controller.database.prisma.hostEvent.findMany({ where: { hostId: mac.hostId } });
      expect(told.map(({ detail }) => detail)).toContainEqual(expect.objectContaining(ignored));
      const audited = await controller.database.prisma.audit.findMany({ where: { entityId: mac.hostId } });
      expect(audited.map(({ after }) => after)).toContainEqual(expect.objectContaining(ignored));
    },
  );

  it('believes a generation while its plan can say it: the plan says the next one exactly', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession(2n ** 52n);
    const { generation } = await newPlan(mac);
    const { job } = await mac.lease();
    const plan = JSON.parse(Buffer.from(job?.plan ?? []).toString('utf8')) as { generation: number };
    expect([generation, job?.generation, BigInt(plan.generation)]).toEqual(Array(3).fill(2n ** 52n + 1n));
  });

  it('takes reports from their beginning again: positions belong to the session', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await mac.checkIn(mac.facts({ fileVault: 'on' }), mac.position(40n, 9));
    const backup = await backUp();
    await restore(backup);
    await mac.openSession();
    expect(await reportOf(mac)).toMatchObject({ sequence: 0n, bootOrdinal: 1 });
    const answer = await mac.checkIn(mac.facts({ fileVault: 'off' }), mac.position(1n, 1));
    expect(answer.factsWanted).toBe(false);
    expect(await reportOf(mac)).toMatchObject({ sequence: 1n, bootOrdinal: 1, facts: { fileVault: 'off' } });
  });

  it('sees a boot of the lost time as new, by its own clock, and looks at the host again', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const backup = await backUp();
    const rebooted = mac.twin();
    await rebooted.openSession();
    await restore(backup);
    const { prisma } = controller.database;
    await prisma.hostState.update({ where: { hostId: mac.hostId }, data: { dueAt: null, presence: 'online' } });
    controller.clock.advance(60_000);
    const from = controller.clock.now();
    await rebooted.openSession();
    const report = await reportOf(mac);
    expect(report.bootSessionId).toBe(rebooted.bootSessionId);
    expect(report.bootFirstSeenAt?.getTime()).toBeGreaterThanOrEqual(from.getTime());
    expect((await prisma.hostState.findUniqueOrThrow({ where: { hostId: mac.hostId } })).dueAt).not.toBeNull();
  });

  it('a job that was leased in the lost time is leased anew under the next number, and ends once', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await newPlan(mac);
    const backup = await backUp();
    const { job } = await mac.lease();
    await restore(backup);
    await mac.openSession(1n);
    const again = (await mac.lease()).job;
    expect(again).toMatchObject({ jobId: job?.jobId, generation: 1n });
    const report = { jobId: again?.jobId, leaseNumber: again?.leaseNumber, generation: 1n, outcome: Outcome.SUCCEEDED };
    expect(await mac.finish({ ...report, leaseNumber: 7 })).toMatchObject({
      accepted: false,
      code: 'FINISH_STALE_LEASE',
    });
    expect(await mac.finish(report)).toMatchObject({ accepted: true });
    expect(await mac.finish(report)).toMatchObject({ accepted: false });
    expect(await plansOf(mac)).toEqual([{ generation: 1n, state: 'done' }]);
  });
});
