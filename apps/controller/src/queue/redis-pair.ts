import { type Job, Queue, Worker } from 'bullmq';
import { connectRedis, redisName } from '../redis/redis-client.ts';
import { openPair, QUEUE_NAME, type RunWake, type Wake, type WakePair, WORKER_OPTIONS } from './wake-pair.ts';

/** Queue and worker share one client; BullMQ gives the worker a second one that blocks. */
export async function openRedisPair(
  url: string,
  fleetId: string,
  run: RunWake,
  broken: (error: Error) => void,
): Promise<WakePair> {
  const connection = await connectRedis(url, broken);
  try {
    const options = { connection, prefix: redisName(fleetId) };
    const queue = new Queue<Wake, void, string>(QUEUE_NAME, options);
    const handle = (job: Job<Wake>) => run(job.name, job.data.id);
    const worker = new Worker<Wake, void, string>(QUEUE_NAME, handle, { ...options, ...WORKER_OPTIONS });
    const pair = await openPair(queue, worker, broken);
    const close = async () => {
      await pair.close();
      connection.disconnect();
    };
    return { ...pair, close };
  } catch (error) {
    connection.disconnect();
    throw error;
  }
}
