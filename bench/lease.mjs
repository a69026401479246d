// Leases and finishes per second through the product's own stores, each committed before it is answered, with the audit and the
// timeline that belong to them; beside BullMQ, pg-boss, graphile-worker and plain SQL on the same Postgres; and what a table of
// 100,000 hosts costs. Once with few agents at once, and once with as many as a fleet at work has.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerRates } from './lib/queue-peers.mjs';

export const summary = 'leases + finishes per second on embedded Postgres, beside peers (--hosts N, --seconds S)';
export const options = {
  hosts: { type: 'string', default: '100000' },
  seconds: { type: 'string', default: '6' },
};

const FEW = 1_000;
const FEW_AT_ONCE = 16;
const MANY_AT_ONCE = 128;
/** Of each table: one before, between and after the four peers. */
const ROUNDS = 5;
const STEPS = 50;

export async function run({ root, options: { hosts, seconds }, say }) {
  const many = Number(hosts);
  const dist = (path) => import(join(root, 'apps/controller/dist', path));
  const { openDatabase } = await dist('db/open.js');
  const folder = mkdtempSync(join(tmpdir(), 'headroom-lease-'));
  const opened = [];
  try {
    const measure = async (count) => {
      const stateDir = mkdtempSync(join(folder, `h${count}-`));
      const db = await openDatabase({ stateDir, databaseUrl: null, fleetName: 'bench' });
      opened.push(db);
      await fill(db.database, count);
      const work = await worker(dist, db.database, count);
      await warm(work, count);
      // What is written after a checkpoint is written whole the first time: from here on that is the same for both.
      await db.database.pool.query('CHECKPOINT');
      return { db, work };
    };
    say(`a table of ${FEW} hosts, and one of ${many}`);
    const small = await measure(FEW);
    const large = await measure(many);
    const few = await compare(small, large, FEW_AT_ONCE, Number(seconds), say);
    const atOnce = await compare(small, large, MANY_AT_ONCE, Number(seconds), say);
    return {
      figures: {
        ...few,
        ...Object.fromEntries(Object.entries(atOnce).map(([key, value]) => [`${key}At${MANY_AT_ONCE}`, value])),
        hosts: many,
        atOnce: FEW_AT_ONCE,
      },
      // A share is the peer's rate by ours: at most 1 = ours is not slower.
      targets: { growth: 1.2, growthAt128: 1.2, pgBossShare: 1, graphileWorkerShare: 1, bullmqShareAt128: 1 },
    };
  } finally {
    for (const { stop } of opened) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ours on both tables before and after each peer: what else the machine does changes, and a share is of the rounds on both sides. */
async function compare(small, large, atOnce, seconds, say) {
  const rates = { small: [], large: [] };
  const ours = async () => {
    for (const [name, { work }] of Object.entries({ small, large }))
      rates[name].push(await timed(work, (seconds * 1000) / ROUNDS, atOnce));
  };
  const peers = {};
  for await (const [name, rate] of peerRates(small.db.connection, atOnce, say, ours)) peers[name] = rate;
  const beside = (index) => mean(rates.small.slice(index, index + 2));
  const shares = Object.entries(peers).map(([name, rate], index) => [`${name}Share`, round(rate / beside(index), 2)]);
  const [fewHosts, manyHosts] = [mean(rates.small), mean(rates.large)];
  return {
    leaseAndFinishPerSecond: Math.round(fewHosts),
    leaseAndFinishPerSecondManyHosts: Math.round(manyHosts),
    growth: round(fewHosts / manyHosts, 3),
    ...Object.fromEntries(Object.entries(peers).map(([name, rate]) => [`${name}PerSecond`, rate])),
    ...Object.fromEntries(shares),
  };
}

/** Hosts with a session and an open plan of many steps: each finish opens the next job. */
async function fill({ pool, siteId }, count) {
  const steps = JSON.stringify({ steps: Array.from({ length: STEPS }, () => ({ kind: 'collect_facts' })) });
  const values = [siteId, count];
  for (const sql of [
    `INSERT INTO host (id, site_id, hardware_uuid, name, simulated, enrolled_at)
     SELECT ${id(1)}, $1, 'UUID-' || h, 'mac-' || h, true, now() FROM generate_series(1, $2::int) h`,
    `INSERT INTO host_report (host_id, site_id, session_number, boot_ordinal, sequence, last_seen_at, generation)
     SELECT ${id(1)}, $1, 5, 1, 0, now(), 1 FROM generate_series(1, $2::int) h`,
    `INSERT INTO host_state (host_id, site_id, state_since) SELECT ${id(1)}, $1, now() FROM generate_series(1, $2::int) h`,
  ])
    await pool.query(sql, values);
  await pool.query(
    `INSERT INTO plan (id, site_id, host_id, generation, intent_number, bytes, signature, state, created_at)
     SELECT ${id(2)}, $1, ${id(1)}, 1, 1, convert_to($3, 'UTF8'), '', 'open', now() FROM generate_series(1, $2::int) h`,
    [...values, steps],
  );
  await pool.query(
    `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, created_at)
     SELECT ${id(3)}, $1, ${id(1)}, ${id(2)}, 'plan', 0, 'collect_facts', 'queued', now() FROM generate_series(1, $2::int) h`,
    values,
  );
  await pool.query('VACUUM ANALYZE');
}

/** Ids in the order of their number, as UUIDv7 are in the order of time. */
function id(kind) {
  return `('019a0000-0000-7${String(kind).padStart(3, '0')}-8000-' || lpad(to_hex(h), 12, '0'))::uuid`;
}

/** One lease and its finish, for hosts all over the table in turn. */
async function worker(dist, database, count) {
  const [{ JobStore }, { FinishJob }, { SystemClock }, { InProcessBus }] = await Promise.all(
    ['jobs/job-store.js', 'jobs/finish-job.js', 'common/clock.js', 'bus/bus.js'].map(dist),
  );
  const { FinishRequest, Outcome } = await import('@headroom/proto');
  const clock = new SystemClock();
  const bus = new InProcessBus();
  const jobs = new JobStore(database, clock, bus, { leaseTtlMs: 60_000 });
  const finishing = new FinishJob(database, clock, bus);
  let turn = 0;
  return async () => {
    // A stride that meets every host before it meets one again.
    turn += 1;
    const number = ((turn * 7919) % count) + 1;
    const hostId = `019a0000-0000-7001-8000-${number.toString(16).padStart(12, '0')}`;
    const job = await jobs.lease(hostId, 5n);
    if (job === null) throw new Error(`host ${number} has nothing to lease`);
    const position = { sessionNumber: 5n, bootOrdinal: 1, sequence: BigInt(turn) };
    const { jobId, leaseNumber } = job;
    const request = { jobId, leaseNumber, generation: 1n, outcome: Outcome.SUCCEEDED };
    const host = { hostId, hardwareUuid: `UUID-${number}` };
    const result = await finishing.finish(host, position, FinishRequest.fromPartial(request));
    if (!result.accepted) throw new Error(`host ${number}: the finish was declined (${result.code})`);
  };
}

/**
 * Each host once, and enough for the code: a fleet that never worked has indexes as full as they get, and each of their pages splits
 * at its first change, which is 100 times as many in the large table.
 */
async function warm(work, hosts) {
  let left = Math.max(hosts, 2 * FEW);
  const one = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: MANY_AT_ONCE }, one));
}

/** Rounds of `work` per second. */
async function timed(work, ms, atOnce) {
  const until = performance.now() + ms;
  const startedAt = performance.now();
  let done = 0;
  const one = async () => {
    while (performance.now() < until) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return done / ((performance.now() - startedAt) / 1000);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
