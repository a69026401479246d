/**
 * Leases and finishes of many hosts go through one transaction. What must be as if each had its own: who gets what, what is stored
 * and told, and that one bad or waiting call is nobody else's affair.
 */
import { FinishRequest, Outcome } from '@headroom/proto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { SystemClock } from '../../apps/controller/src/common/clock.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { FinishJob } from '../../apps/controller/src/jobs/finish-job.ts';
import { JobStore, type LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';

const HOSTS = 12;
const SESSION = 3n;

let db: TestDatabase;
let jobs: JobStore;
let finishing: FinishJob;
let hosts: readonly string[];
let leases: readonly LeasedJob[];

beforeAll(async () => {
  db = await openTestDatabase();
  const bus = new InProcessBus();
  jobs = new JobStore(db.database, new SystemClock(), bus, { leaseTtlMs: 60_000 });
  finishing = new FinishJob(db.database, new SystemClock(), bus);
});
afterAll(() => db?.stop());

beforeEach(async () => {
  hosts = Array.from({ length: HOSTS }, () => uuidv7());
  for (const hostId of hosts) await makeHost(hostId);
  leases = (await Promise.all(hosts.map((hostId) => jobs.lease(hostId, SESSION)))).map((job, index) => {
    if (job === null) throw new Error(`host ${index} got nothing`);
    return job;
  });
});

async function makeHost(hostId: string, plan = JSON.stringify({ steps: STEPS })): Promise<void> {
  const { database } = db;
  const { siteId } = database;
  const now = new Date();
  const planId = uuidv7();
  await database.transaction(async (tx) => {
    await tx.host.create({
      data: { id: hostId, siteId, hardwareUuid: uuidOf(hostId), name: hostId, simulated: true, enrolledAt: now },
    });
    await tx.hostReport.create({ data: { hostId, siteId, sessionNumber: SESSION } });
    await tx.hostState.create({ data: { hostId, siteId, stateSince: now } });
    const row = { id: planId, siteId, hostId, generation: 1n, intentNumber: 1, bytes: Buffer.from(plan) };
    await tx.plan.create({ data: { ...row, signature: Buffer.alloc(0), state: 'open', createdAt: now } });
    await jobs.openJob(tx, { hostId, planId, lane: 'plan', stepIndex: 0, kind: 'collect_facts' });
  });
}

const STEPS = [{ kind: 'collect_facts' }, { kind: 'install_kdk' }];
const uuidOf = (hostId: string) => `3D6B9F2E-1111-4222-8333-${hostId.slice(-12).toUpperCase()}`;

function factsOf(index: number) {
  const facts = stockFacts();
  return { ...facts, hardware: { ...facts.hardware, uuid: uuidOf(hosts[index] ?? '') } };
}

interface Change {
  readonly session?: bigint;
  readonly bootOrdinal?: number;
  readonly request?: Partial<FinishRequest>;
}

/** One finish of each host at once; answers by host: accepted, the code of a refusal, or what was thrown. */
function finishAll(changes: Readonly<Record<number, Change>> = {}): Promise<readonly string[]> {
  const finishOne = async (hostId: string, index: number) => {
    const { session = SESSION, bootOrdinal = 1, request = {} } = changes[index] ?? {};
    const { jobId, leaseNumber } = leases[index] as LeasedJob;
    const plain = { jobId, leaseNumber, generation: 1n, outcome: Outcome.SUCCEEDED };
    const position = { sessionNumber: session, bootOrdinal, sequence: 1n };
    const host = { hostId, hardwareUuid: uuidOf(hostId) };
    const result = await finishing.finish(host, position, FinishRequest.fromPartial({ ...plain, ...request }));
    return result.accepted ? 'accepted' : result.code;
  };
  const said = (error: { code?: string }) => error.code ?? String(error);
  return Promise.all(hosts.map((hostId, index) => finishOne(hostId, index).catch(said)));
}

const accepted = (except: Readonly<Record<number, unknown>> = {}) =>
  hosts.map((_host, index) => except[index] ?? 'accepted');

async function rowsOf<Row extends pg.QueryResultRow>(sql: string): Promise<readonly Row[]> {
  return (await db.database.pool.query<Row>(sql, [hosts])).rows;
}

it('every host gets its own job, under its own lease number, and once', async () => {
  expect(new Set(leases.map(({ jobId }) => jobId)).size).toBe(HOSTS);
  const again = await Promise.all([...hosts, ...hosts].map((hostId) => jobs.lease(hostId, SESSION)));
  expect(again).toEqual(Array(2 * HOSTS).fill(null));
  const [stale, next] = await Promise.all([
    jobs.lease(hosts[0] ?? '', SESSION - 1n),
    jobs.workAvailable(hosts[1] ?? '', SESSION),
  ]);
  expect([stale, next]).toEqual([null, false]);
});

it('each finish leaves its job, its next one, its audit and its line in the timeline', async () => {
  expect(await finishAll()).toEqual(accepted());
  const all = await rowsOf<{ id: string; hostId: string; kind: string; state: string }>(
    'SELECT id, host_id AS "hostId", kind, state FROM job WHERE host_id = ANY($1) ORDER BY host_id, step_index',
  );
  expect(all.map(({ hostId, kind, state }) => [hostId, kind, state])).toEqual(
    hosts.flatMap((id) => [
      [id, 'collect_facts', 'succeeded'],
      [id, 'install_kdk', 'queued'],
    ]),
  );
  const told = await rowsOf(
    `SELECT e.host_id AS host, e.detail->>'jobId' AS job FROM host_event e
     WHERE e.host_id = ANY($1) AND e.kind = 'step.finished' ORDER BY e.host_id`,
  );
  expect(told).toEqual(hosts.map((host, index) => ({ host, job: leases[index]?.jobId })));
  const audited = await rowsOf(
    `SELECT j.host_id AS host, array_agg(a.action ORDER BY a.action) AS actions FROM audit a JOIN job j ON j.id::text = a.entity_id
     WHERE j.host_id = ANY($1) AND a.entity = 'job' GROUP BY j.host_id ORDER BY j.host_id`,
  );
  const actions = ['job.lease', 'job.open', 'job.open', 'job.succeed'];
  expect(audited).toEqual(hosts.map((host) => ({ host, actions })));
  expect(await finishAll()).toEqual(
    accepted(Object.fromEntries(hosts.map((_, index) => [index, 'FINISH_UNKNOWN_JOB']))),
  );
});

it('one bad finish is its own affair', async () => {
  const answers = await finishAll({
    0: { session: SESSION - 1n },
    1: { request: { leaseNumber: 7 } },
    2: { request: { jobId: leases[3]?.jobId ?? '' } },
    4: { request: { generation: 2n } },
    5: { request: { jobId: 'no id' } },
    6: { request: { resultJson: Buffer.from('[]') } },
  });
  const refusals = {
    0: 'SESSION_FENCED',
    1: 'FINISH_STALE_LEASE',
    2: 'FINISH_UNKNOWN_JOB',
    4: 'FINISH_OLD_GENERATION',
    5: 'FINISH_UNKNOWN_JOB',
    6: 'VALIDATION_FAILED',
  };
  expect(answers).toEqual(accepted(refusals));
  const done = await rowsOf<{ host: string }>(
    `SELECT host_id AS host FROM job WHERE host_id = ANY($1) AND state = 'succeeded' ORDER BY host_id`,
  );
  expect(done.map(({ host }) => host)).toEqual(hosts.filter((_host, index) => !(index in refusals)));
});

it('what Postgres itself refuses undoes the batch, and then fails alone', async () => {
  // No agent can send it so far: the wire's reader is not asked here.
  expect(await finishAll({ 7: { bootOrdinal: 2 ** 40 } })).toEqual(accepted({ 7: '22003' }));
  const finished = await rowsOf(`SELECT 1 FROM host_event WHERE host_id = ANY($1) AND kind = 'step.finished'`);
  expect(finished).toHaveLength(HOSTS - 1);
});

it('what cannot even be written down undoes the batch, and then fails alone', async () => {
  // No agent can send it so far: the wire's reader is not asked here.
  const bootOrdinal = 2n as unknown as number;
  const answers = await finishAll({ 7: { bootOrdinal } });
  expect(answers).toEqual(accepted({ 7: expect.stringContaining('BigInt') }));
});

it('what is nested too deep to be written down again is refused where it is read', async () => {
  const deep = `${'{"a":'.repeat(6_000)}1${'}'.repeat(6_000)}`;
  const factsJson = JSON.stringify({ ...factsOf(0), future: null }).replace('"future":null', `"future":${deep}`);
  const answers = await finishAll({
    0: { request: { factsJson: Buffer.from(factsJson) } },
    1: { request: { resultJson: Buffer.from(deep) } },
  });
  expect(answers).toEqual(accepted({ 0: 'FACTS_INVALID', 1: 'VALIDATION_FAILED' }));
});

it('a host that somebody else holds keeps only its own finish waiting', async () => {
  const client = await db.database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM host_state WHERE host_id = $1 FOR UPDATE', [hosts[2]]);
    const order: number[] = [];
    const all = hosts.map((hostId, index) => {
      const { jobId, leaseNumber } = leases[index] as LeasedJob;
      const request = FinishRequest.fromPartial({ jobId, leaseNumber, generation: 1n, outcome: Outcome.SUCCEEDED });
      const position = { sessionNumber: SESSION, bootOrdinal: 1, sequence: 1n };
      return finishing
        .finish({ hostId, hardwareUuid: uuidOf(hostId) }, position, request)
        .then(() => order.push(index));
    });
    await Promise.all(all.filter((_one, index) => index !== 2));
    expect([...order].sort((a, b) => a - b)).toEqual(hosts.flatMap((_host, index) => (index === 2 ? [] : [index])));
    // Had they waited until Postgres gave the lock up, this one would have been refused by now.
    await client.query('COMMIT');
    await all[2];
    expect(order.at(-1)).toBe(2);
  } finally {
    client.release();
  }
});

it('what a tool printed is stored also where jsonb could not hold it', async () => {
  const facts = factsOf(0);
  const factsJson = JSON.stringify({ ...facts, hardware: { ...facts.hardware, model: 'Mac\0 \ud800' } });
  const errorDetail = 'kmutil printed \0';
  const outcome = Outcome.FAILED;
  const request = { factsJson: Buffer.from(factsJson), outcome, errorCode: 'KC_LINKING', errorDetail };
  expect(await finishAll({ 0: { request } })).toEqual(accepted());
  const [row] = await rowsOf(
    `SELECT r.facts #>> '{hardware,model}' AS model, j.error_detail AS detail FROM host_report r JOIN job j ON j.host_id = r.host_id
     WHERE r.host_id = ($1::uuid[])[1]`,
  );
  expect(row).toEqual({ model: 'Mac\uFFFD \uFFFD', detail: 'kmutil printed \uFFFD' });
});
