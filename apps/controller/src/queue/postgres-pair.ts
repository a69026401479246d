import {
  createPostgresBackend,
  type Job,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  Worker,
} from 'bullmq';
import type { PostgresConnection } from '../db/open.ts';
import { openPair, QUEUE_NAME, type RunWake, type Wake, type WakePair, WORKER_OPTIONS } from './wake-pair.ts';

const SCHEMA = 'bullmq';
const POOL_MAX = 4;

type WakeQueue = Queue<Wake, void, string, Wake, void, string, PostgresQueueBackend, PostgresConnectionOptions>;
type WakeWorker = Worker<Wake, void, string, PostgresQueueBackend, JobProgress, PostgresConnectionOptions>;

/** Makes BullMQ's schema when it is not there: it holds wake-ups only, so losing it loses nothing. */
export async function openPostgresPair(
  address: PostgresConnection,
  run: RunWake,
  broken: (error: Error) => void,
): Promise<WakePair> {
  const connection = { ...address, max: POOL_MAX, migrate: true, schema: SCHEMA };
  const queue: WakeQueue = new Queue(QUEUE_NAME, { connection }, createPostgresBackend);
  queue.on('error', broken);
  const ready = queue.waitUntilReady();
  // The worker starts after the queue, so that only one of them makes the schema.
  await ready.catch(async (error: unknown) => {
    await queue.close().catch(() => {});
    throw error;
  });
  const handle = (job: Job<Wake>) => run(job.name, job.data.id);
  const worker: WakeWorker = new Worker(QUEUE_NAME, handle, { connection, ...WORKER_OPTIONS }, createPostgresBackend);
  return openPair(queue, worker, broken);
}
