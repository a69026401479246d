// Other ways to hand out work from Postgres, each at one job per claim, with claim and end committed before the next: BullMQ, pg-boss,
// graphile-worker, and the plain SQL that nothing can do without. Each has as many connections as jobs at once, at most CONNECTIONS_MAX.
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { Logger, makeWorkerUtils, runOnce } from 'graphile-worker';
import pg from 'pg';
import PgBoss from 'pg-boss';

/** Postgres allows 60, and the stores under measurement have 16 in each of two of them. */
const CONNECTIONS_MAX = 32;
/** Jobs that a queue takes in at once. */
const INSERT_BATCH = 1000;

/** Name and jobs per second of every peer; `between` is done before, between and after them. */
export async function* peerRates(connection, concurrency, say, between) {
  const client = new pg.Client(connection);
  await client.connect();
  for (const schema of ['bullmq_bench', 'pgboss_bench', 'graphile_bench'])
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await client.end();
  for (const [name, measure, jobs] of PEERS) {
    await between();
    say(`${name}, ${concurrency} at once`);
    yield [name, Math.round(await measure(connection, jobs, concurrency))];
  }
  await between();
}

/** Jobs per second that one worker takes and ends. */
async function bullmqRate(connection, jobs, concurrency) {
  const options = { ...connection, max: connectionsFor(concurrency), migrate: true, schema: 'bullmq_bench' };
  const queue = new Queue('bench', { connection: options }, createPostgresBackend);
  await queue.waitUntilReady();
  const bulk = Array.from({ length: jobs }, (_none, index) => ({ name: 'job', data: { id: String(index) } }));
  await queue.addBulk(bulk);
  let done = 0;
  let startedAt = 0;
  const ended = new Promise((resolve, reject) => {
    const work = async () => {
      if (startedAt === 0) startedAt = performance.now();
    };
    const worker = new Worker(
      'bench',
      work,
      { connection: options, concurrency, autorun: false },
      createPostgresBackend,
    );
    worker.on('error', reject);
    worker.on('completed', () => {
      done += 1;
      if (done === jobs) resolve(worker);
    });
    worker.waitUntilReady().then(() => worker.run().catch(reject), reject);
  });
  const worker = await ended;
  const seconds = (performance.now() - startedAt) / 1000;
  await worker.close();
  await queue.close();
  return jobs / seconds;
}

/** Fetched one by one and completed one by one. Maintenance and schedules, which would cost it, are off. */
async function pgBossRate(connection, jobs, concurrency) {
  const max = connectionsFor(concurrency);
  const boss = new PgBoss({ ...connection, max, schema: 'pgboss_bench', supervise: false, schedule: false });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue('bench');
  for (const batch of batches(jobs)) await boss.insert(batch.map((id) => ({ name: 'bench', data: { id } })));
  const seconds = await timed(concurrency, async () => {
    const [job] = await boss.fetch('bench', { batchSize: 1 });
    if (job === undefined) return false;
    await boss.complete('bench', job.id);
    return true;
  });
  await boss.stop({ graceful: false });
  return jobs / seconds;
}

/** Its own runner, until nothing is left. */
async function graphileRate(connection, jobs, concurrency) {
  const pgPool = new pg.Pool({ ...connection, max: connectionsFor(concurrency) });
  pgPool.on('error', () => {});
  const options = { pgPool, schema: 'graphile_bench', logger: new Logger(() => () => {}) };
  const utils = await makeWorkerUtils(options);
  await utils.migrate();
  for (const batch of batches(jobs))
    await utils.withPgClient((client) =>
      client.query(ADD_GRAPHILE_JOBS, [JSON.stringify(batch.map((id) => ({ id })))]),
    );
  let done = 0;
  const bench = async () => {
    done += 1;
  };
  const startedAt = performance.now();
  await runOnce({ ...options, concurrency, noHandleSignals: true, taskList: { bench } });
  const seconds = (performance.now() - startedAt) / 1000;
  await utils.release();
  await pgPool.end();
  if (done !== jobs) throw new Error(`graphile-worker did ${done} of ${jobs} jobs`);
  return jobs / seconds;
}

const ADD_GRAPHILE_JOBS = `
  SELECT graphile_bench.add_job('bench', job) FROM json_array_elements($1::json) AS job`;

/** Claims and ends per second of two bare statements on a table with nothing but what they need. */
async function plainSqlRate(connection, jobs, concurrency) {
  const pool = new pg.Pool({ ...connection, max: connectionsFor(concurrency) });
  await pool.query(
    'CREATE TABLE bench_plain (id bigint PRIMARY KEY, state text NOT NULL, taken_at timestamptz, ended_at timestamptz)',
  );
  await pool.query(`CREATE INDEX bench_plain_free ON bench_plain (id) WHERE state = 'queued'`);
  await pool.query(`INSERT INTO bench_plain SELECT n, 'queued' FROM generate_series(1, $1::int) n`, [jobs]);
  const seconds = await timed(concurrency, async () => {
    const { rows } = await pool.query({ name: 'bench_claim', text: CLAIM });
    if (rows.length === 0) return false;
    await pool.query({ name: 'bench_end', text: END, values: [rows[0].id] });
    return true;
  });
  await pool.query('DROP TABLE bench_plain');
  await pool.end();
  return jobs / seconds;
}

const CLAIM = `
  UPDATE bench_plain SET state = 'taken', taken_at = now() WHERE id = (
    SELECT id FROM bench_plain WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`;
const END = `UPDATE bench_plain SET state = 'ended', ended_at = now() WHERE id = $1`;

/** Each with as many jobs as it does in a few seconds. */
const PEERS = [
  ['bullmq', bullmqRate, 8_000],
  ['pgBoss', pgBossRate, 4_000],
  ['graphileWorker', graphileRate, 8_000],
  ['plainSql', plainSqlRate, 12_000],
];

/** Seconds until `work` says that nothing is left, so many at once. */
async function timed(concurrency, work) {
  const startedAt = performance.now();
  const all = Array.from({ length: concurrency }, async () => {
    while (await work());
  });
  await Promise.all(all);
  return (performance.now() - startedAt) / 1000;
}

function batches(jobs) {
  const ids = Array.from({ length: jobs }, (_none, index) => String(index));
  return Array.from({ length: Math.ceil(jobs / INSERT_BATCH) }, (_none, index) =>
    ids.slice(index * INSERT_BATCH, (index + 1) * INSERT_BATCH),
  );
}

function connectionsFor(concurrency) {
  return Math.min(concurrency, CONNECTIONS_MAX);
}
