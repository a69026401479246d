import {
  createPostgresBackend,
  type Job,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  Worker,
} from 'bullmq';
import { logger } from '../common/log.ts';
import type { PostgresConnection } from '../db/open.ts';
import { JobQueue, type QueueWork } from './queue.ts';

const log = logger('queue');
const NAME = 'headroom';
const SCHEMA = 'bullmq';
const POOL_MAX = 4;

type Handler = (id: string) => Promise<void>;
type Wake = { readonly id: string };
type WakeQueue = Queue<Wake, void, string, Wake, void, string, PostgresQueueBackend, PostgresConnectionOptions>;
type WakeWorker = Worker<Wake, void, string, PostgresQueueBackend, JobProgress, PostgresConnectionOptions>;

/** JobQueue on BullMQ with its Postgres backend: one queue and one worker, in a schema of its own beside ours. */
export class BullmqQueue extends JobQueue {
  private readonly handlers = new Map<string, Handler>();

  private constructor(
    private readonly queue: WakeQueue,
    private readonly worker: WakeWorker,
  ) {
    super();
  }

  static async onPostgres(connection: PostgresConnection): Promise<BullmqQueue> {
    const options = { connection: { ...connection, max: POOL_MAX, migrate: true, schema: SCHEMA } };
    const queue: WakeQueue = new Queue(NAME, options, createPostgresBackend);
    queue.on('error', note);
    await queue.waitUntilReady();
    let self: BullmqQueue | null = null;
    const handle = (job: Job<Wake>) => self?.run(job) ?? Promise.resolve();
    const worker: WakeWorker = new Worker(
      NAME,
      handle,
      { ...options, concurrency: 2, autorun: false },
      createPostgresBackend,
    );
    worker.on('error', note);
    await worker.waitUntilReady();
    self = new BullmqQueue(queue, worker);
    void worker.run().catch(note);
    return self;
  }

  async add(work: QueueWork, id: string): Promise<void> {
    await this.queue.add(
      work,
      { id },
      { deduplication: { id: `${work}:${id}`, keepLastIfActive: true }, removeOnComplete: true, removeOnFail: true },
    );
  }

  async process(work: QueueWork, handler: Handler): Promise<void> {
    this.handlers.set(work, handler);
  }

  async close(): Promise<void> {
    await this.worker.close();
    await this.queue.close();
  }

  private async run(job: Job<Wake>): Promise<void> {
    const handler = this.handlers.get(job.name);
    if (handler === undefined) return log(`no handler for ${job.name}`);
    await handler(job.data.id).catch((error: unknown) => log(`${job.name} ${job.data.id}: ${String(error)}`));
  }
}

function note(error: Error): void {
  log(error.message);
}
