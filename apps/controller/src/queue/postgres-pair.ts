import {
  createPostgresBackend,
  type Job,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  quoteSchemaName,
  runMigrations,
  Worker,
} from 'bullmq';
import pg from 'pg';
import { within } from '../common/kept-open.ts';
import type { PostgresConnection } from '../db/open.ts';
import { PooledClient } from '../db/steady-client.ts';
import { withClient } from '../db/with-client.ts';
import { openPair, QUEUE_NAME, type RunWake, type Wake, type WakePair, WORKER_OPTIONS } from './wake-pair.ts';

/** The one that BullMQ looks for in a pool that it did not make. */
const SCHEMA = 'bullmq';
/** One is taken by the worker that listens. */
const POOL_MAX = 5;
const END_MS = 1_000;

type WakeQueue = Queue<Wake, void, string, Wake, void, string, PostgresQueueBackend, PostgresConnectionOptions>;
type WakeWorker = Worker<Wake, void, string, PostgresQueueBackend, JobProgress, PostgresConnectionOptions>;

/** Makes BullMQ's schema when it is not there: it holds wake-ups only, so losing it loses nothing. */
export async function openPostgresPair(
  address: PostgresConnection,
  run: RunWake,
  broken: (error: Error) => void,
): Promise<WakePair> {
  await withClient(address, (client) => runMigrations(client, SCHEMA));
  const options = `-c search_path=${quoteSchemaName(SCHEMA)}`;
  // A pool of ours: the connections of BullMQ's own would throw their last words at the process when Postgres dies.
  const pool = new pg.Pool({ ...address, options, max: POOL_MAX, keepAlive: true, Client: PooledClient });
  pool.on('error', broken);
  const queue: WakeQueue = new Queue(QUEUE_NAME, { connection: pool }, createPostgresBackend);
  const handle = (job: Job<Wake>) => run(job.name, job.data.id);
  const worker: WakeWorker = new Worker(
    QUEUE_NAME,
    handle,
    { connection: pool, ...WORKER_OPTIONS },
    createPostgresBackend,
  );
  // A statement that never ends must not hold up the next pair; its connection ends with Postgres.
  const end = () => within(END_MS, 'pool', pool.end()).catch(() => {});
  const pair = await openPair(queue, worker, broken).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const close = () => pair.close().then(end);
  return { ...pair, close };
}
