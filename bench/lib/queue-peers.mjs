// Other ways to hand out work from Postgres, each at one job per claim with the claim committed before the work: BullMQ, and the
// plain SQL that nothing can do without.
import { createRequire } from 'node:module';
import { createPostgresBackend, Queue, Worker } from 'bullmq';

/** Packages that would be measured beside ours if they were installed here. */
export function missingPeers() {
  const { resolve } = createRequire(import.meta.url);
  return ['graphile-worker', 'pg-boss'].filter((name) => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
}

/** Jobs per second that one worker takes and ends. */
export async function bullmqRate(connection, jobs, concurrency) {
  const options = { ...connection, max: concurrency, migrate: true, schema: 'bullmq_bench' };
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

/** Claims and ends per second of two bare statements on a table with nothing but what they need. */
export async function plainSqlRate(pool, jobs, concurrency) {
  await pool.query(
    'CREATE TABLE bench_plain (id bigint PRIMARY KEY, state text NOT NULL, taken_at timestamptz, ended_at timestamptz)',
  );
  await pool.query(`CREATE INDEX bench_plain_free ON bench_plain (id) WHERE state = 'queued'`);
  await pool.query(`INSERT INTO bench_plain SELECT n, 'queued' FROM generate_series(1, $1::int) n`, [jobs]);
  const startedAt = performance.now();
  const work = async () => {
    for (;;) {
      const { rows } = await pool.query({ name: 'bench_claim', text: CLAIM });
      if (rows.length === 0) return;
      await pool.query({ name: 'bench_end', text: END, values: [rows[0].id] });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.query('DROP TABLE bench_plain');
  return jobs / seconds;
}

const CLAIM = `
  UPDATE bench_plain SET state = 'taken', taken_at = now() WHERE id = (
    SELECT id FROM bench_plain WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`;
const END = `UPDATE bench_plain SET state = 'ended', ended_at = now() WHERE id = $1`;
