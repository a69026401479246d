/** The model is only worth what it has in common with the real store: the same random commands give the same outcomes on both. */
import { FinishRequest, Outcome } from '@headroom/proto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../apps/controller/src/common/clock.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { FinishJob } from '../../apps/controller/src/jobs/finish-job.ts';
import { JobStore, type LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import { KC, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { type Random, randomFrom } from '../../scripts/fuzz/random.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ModelJobs } from './model-jobs.ts';
import { newHost, noRows } from './rows.ts';
import { CAPABILITIES } from './sim-mac.ts';
import { START } from './timeline.ts';

const SEEDS = 5;
const COMMANDS = 100;
const LEASE_TTL_MS = 60_000;
const KINDS = ['collect_facts', 'build_kc', 'collect_facts'] as const;
const MADE = Buffer.from(JSON.stringify(KC));
const ERRORS = ['KDK_DOWNLOAD_FAILED', 'KDK_DOWNLOAD_FAILED', 'KC_LINKING', 'SOMETHING_NEW'] as const;

class OwnClock extends Clock {
  ms = START;
  now(): Date {
    return new Date(this.ms);
  }
}

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
// A sweep counts the whole fleet.
afterEach(async () => void (await db.database.prisma.job.deleteMany()));
afterAll(() => db?.stop());

/** One host in both stores, and what its agents hold. */
async function openPair(random: Random) {
  const { database } = db;
  const { siteId } = database;
  const clock = new OwnClock();
  const now = () => clock.now();
  const bus = new InProcessBus();
  const config = { leaseTtlMs: LEASE_TTL_MS };
  const real = new JobStore(database, clock, bus, config);
  const finishing = new FinishJob(database, clock, bus);
  const hostId = uuidv7();
  const hardwareUuid = `3D6B9F2E-1111-4222-8333-${hostId.slice(-12).toUpperCase()}`;
  await database.transaction(async (tx) => {
    await tx.host.create({
      data: { id: hostId, siteId, hardwareUuid, name: hostId, simulated: true, enrolledAt: now() },
    });
    await tx.hostReport.create({ data: { hostId, siteId, capabilities: [...CAPABILITIES] } });
    await tx.hostState.create({ data: { hostId, siteId, stateSince: now(), dueAt: now() } });
  });
  const rows = noRows();
  rows.hosts.push(newHost(hostId, hardwareUuid, now()));
  const model = new ModelJobs(rows, {
    now,
    leaseTtlMs: LEASE_TTL_MS,
    publish: () => {},
    newId: () => uuidv7(clock.ms),
  });
  /** Job ids differ; both are named by the order in which they were opened. */
  const jobs: { readonly real: string; readonly model: string }[] = [];
  const learn = async () => {
    const all = await database.prisma.job.findMany({ where: { hostId }, orderBy: { id: 'asc' } });
    for (const [index, { id }] of all.entries()) jobs[index] ??= { real: id, model: rows.jobs[index]?.id ?? '' };
  };
  let generation = 0n;
  let session = 0n;
  let sequence = 0n;
  const leases: LeasedJob[] = [];
  const nameOf = (id: string) => jobs.findIndex((job) => job.real === id || job.model === id);
  const shown = (job: LeasedJob | null) =>
    job && [nameOf(job.jobId), job.kind, job.leaseNumber, job.stepIndex, job.generation, job.bytes?.toString() ?? null];

  const commands = {
    plan: async () => {
      generation += 1n;
      const bytes = Buffer.from(JSON.stringify({ steps: KINDS.map((kind) => ({ kind })) }));
      const order = { hostId, lane: 'plan', actor: 'system:test', reason: 'replaced' } as const;
      const row = { hostId, generation, intentNumber: 1, bytes, state: 'open' };
      const first = { hostId, lane: 'plan', stepIndex: 0, kind: KINDS[0] } as const;
      const id = uuidv7(clock.ms);
      await database.transaction(async (tx) => {
        await real.cancelOpen(tx, order);
        await tx.plan.updateMany({ where: { hostId, state: 'open' }, data: { state: 'superseded' } });
        await tx.plan.create({ data: { id, siteId, ...row, signature: Buffer.alloc(0), createdAt: now() } });
        await real.openJob(tx, { ...first, planId: id });
      });
      await model.cancelOpen(null, order);
      for (const plan of rows.plans) if (plan.state === 'open') plan.state = 'superseded';
      rows.plans.push({ id, ...row });
      await model.openJob(null, { ...first, planId: id });
      return [generation, generation];
    },
    care: async () => {
      const order = { hostId, planId: null, lane: 'care', stepIndex: 0, kind: 'collect_facts' } as const;
      const code = (error: { code?: string }) => error.code ?? String(error);
      const opened = await database.transaction((tx) => real.openJob(tx, order)).then(() => 'opened', code);
      return [opened, await model.openJob(null, order).then(() => 'opened', code)];
    },
    session: async () => {
      session += 1n;
      sequence = 0n;
      await database.prisma.hostReport.update({ where: { hostId }, data: { sessionNumber: session, sequence } });
      Object.assign(rows.hosts[0]?.report ?? {}, { sessionNumber: session, sequence });
      return [session, session];
    },
    wait: async () => {
      clock.ms += random.pick([500, 5_000, 20_000, LEASE_TTL_MS, LEASE_TTL_MS + 1, 900_000]);
      return [clock.ms, clock.ms];
    },
    lease: async () => {
      const asking = session - BigInt(random.below(5) === 0 ? 1 : 0);
      const [one, other] = [await real.lease(hostId, asking), model.lease(hostId, asking)];
      if (one !== null) leases.push(one);
      return [shown(one), shown(other)];
    },
    renew: async () => {
      const { jobId, leaseNumber } = pickLease();
      const order = { hostId, sessionNumber: session, leaseNumber, progress: '' };
      const id = jobs[nameOf(jobId)];
      return [await real.renew({ ...order, jobId }), model.renew({ ...order, jobId: id?.model ?? jobId })];
    },
    sweep: async () => [await real.sweep(), model.sweep()],
    available: async () => [await real.workAvailable(hostId, session), model.workAvailable(hostId, session)],
    finish: async () => {
      const lease = pickLease();
      sequence += BigInt(random.pick([0, 1, 1, 1, 2]));
      const position = { sessionNumber: session - BigInt(random.below(8) === 0 ? 1 : 0), bootOrdinal: 1, sequence };
      const outcome = random.pick([
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.REFUSED,
      ]);
      const facts = { ...stockFacts(), disk: { freeBytes: random.below(4) * 1e10 } };
      const factsJson = Buffer.from(
        JSON.stringify({
          ...facts,
          hardware: { ...facts.hardware, uuid: hardwareUuid },
          boot: { ...facts.boot, sessionId: hostId.toUpperCase() },
        }),
      );
      const request = FinishRequest.fromPartial({
        jobId: lease.jobId,
        leaseNumber: lease.leaseNumber,
        generation: BigInt(lease.generation ?? 0) - BigInt(random.below(10) === 0 ? 1 : 0),
        outcome,
        errorCode: outcome === Outcome.SUCCEEDED ? '' : random.pick(ERRORS),
        factsJson,
        ...(random.below(5) > 0 && { resultJson: MADE }),
      });
      const code = (error: { code?: string }) => error.code ?? String(error);
      const done = (result: object) => JSON.stringify(result);
      const modelId = jobs[nameOf(lease.jobId)]?.model ?? lease.jobId;
      const inModel = async () => model.finish(hostId, position, { ...request, jobId: modelId });
      return [
        await finishing.finish({ hostId, hardwareUuid }, position, request).then(done, code),
        await inModel().then(done, code),
      ];
    },
  };
  const pickLease = (): LeasedJob =>
    leases.length === 0 || random.below(20) === 0 ? UNKNOWN : random.pick(leases.slice(-3));

  const state = async () => {
    const jobRow = ({
      lane,
      stepIndex,
      state,
      leaseNumber,
      leaseSession,
      leaseExpiresAt,
      attempts,
      notBefore,
      errorCode,
    }: (typeof rows.jobs)[number]) => ({
      lane,
      stepIndex,
      state,
      leaseNumber,
      leaseSession,
      leaseExpiresAt,
      attempts,
      notBefore,
      errorCode,
    });
    const all = await database.prisma.job.findMany({ where: { hostId }, orderBy: { id: 'asc' } });
    const plans = await database.prisma.plan.findMany({ where: { hostId }, orderBy: { generation: 'asc' } });
    const report = await database.prisma.hostReport.findUniqueOrThrow({ where: { hostId } });
    const told = ({
      sequence: seq,
      bootOrdinal,
      factsSha256,
      bootSessionId,
      bootFirstSeenAt,
    }: Pick<typeof report, 'sequence' | 'bootOrdinal' | 'factsSha256' | 'bootSessionId' | 'bootFirstSeenAt'>) => ({
      seq,
      bootOrdinal,
      factsSha256,
      bootSessionId,
      bootFirstSeenAt,
    });
    const ours = rows.hosts[0]?.report;
    return [
      [all.map((job) => jobRow(job as never)), plans.map((plan) => plan.state), told(report)],
      [rows.jobs.map(jobRow), rows.plans.map((plan) => plan.state), ours && told(ours)],
    ];
  };
  return { commands, learn, state };
}

const UNKNOWN = { jobId: '00000000-0000-7000-8000-00000000dead', leaseNumber: 1, generation: '1' } as LeasedJob;

describe('the model of the job store', () => {
  it.each(Array.from({ length: SEEDS }, (_none, index) => index + 1))(
    'does what the real one does: seed %i',
    async (seed) => {
      const random = randomFrom(seed, 7);
      const { commands, learn, state } = await openPair(random);
      const names = Object.keys(commands) as (keyof typeof commands)[];
      const weighted = [...names, 'lease', 'lease', 'lease', 'finish', 'finish', 'finish'] as const;
      const log: string[] = [];
      await commands.session();
      for (let count = 0; count < COMMANDS; count += 1) {
        const name = random.pick<keyof typeof commands>(weighted);
        const [real, model] = await commands[name]();
        log.push(
          `${name}: ${JSON.stringify(real, (_key, value) => (typeof value === 'bigint' ? String(value) : value))}`,
        );
        await learn();
        const history = log.slice(-15).join('\n');
        expect(model, history).toEqual(real);
        const [realState, modelState] = await state();
        expect(modelState, history).toEqual(realState);
      }
      expect(log.filter((line) => line.startsWith('finish: "{\\"accepted\\":true')).length).toBeGreaterThan(0);
    },
  );
});
