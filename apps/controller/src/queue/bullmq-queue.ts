import { KeptOpen, type Open } from '../common/kept-open.ts';
import { logger } from '../common/log.ts';
import type { PostgresConnection } from '../db/open.ts';
import { openPostgresPair } from './postgres-pair.ts';
import { JobQueue, type QueueWork } from './queue.ts';
import { openRedisPair } from './redis-pair.ts';
import type { RunWake, WakePair } from './wake-pair.ts';

const log = logger('queue');

type Handler = (id: string) => Promise<void>;

/** JobQueue on BullMQ: in Postgres, in a schema of its own beside ours, or in Redis when several controllers share a fleet. */
export class BullmqQueue extends JobQueue {
  private readonly handlers = new Map<string, Handler>();
  private readonly pair: KeptOpen<WakePair>;
  private turn: Promise<void> = Promise.resolve();

  private constructor(backEnd: string, open: (run: RunWake) => Open<WakePair>) {
    super();
    this.pair = new KeptOpen(
      `the queue in ${backEnd}`,
      'meanwhile the timer finds what is due',
      open((work, id) => this.run(work, id)),
      log,
    );
  }

  static async onPostgres(connection: PostgresConnection): Promise<BullmqQueue> {
    const queue = new BullmqQueue('Postgres', (run) => (broken) => openPostgresPair(connection, run, broken));
    await queue.pair.start();
    return queue;
  }

  /** Returns after the first try to reach Redis, however that ended. */
  static async onRedis(url: string, fleetId: string): Promise<BullmqQueue> {
    const queue = new BullmqQueue('Redis', (run) => (broken) => openRedisPair(url, fleetId, run, broken));
    await queue.pair.start();
    return queue;
  }

  async add(work: QueueWork, id: string): Promise<void> {
    await this.pair.current?.add(work, id);
  }

  async process(work: QueueWork, handler: Handler): Promise<void> {
    this.handlers.set(work, handler);
  }

  async close(): Promise<void> {
    await this.pair.close();
    await this.turn;
  }

  /** In turn, also when a new pair starts while a handler that the old one called is not done yet. */
  private run(work: string, id: string): Promise<void> {
    this.turn = this.turn.then(async () => {
      const handler = this.handlers.get(work);
      // Added before this controller was ready, or by a newer version of it.
      if (handler === undefined) return log(`no handler for ${work}`);
      await handler(id).catch((error: unknown) => log(`${work} ${id}: ${String(error)}`));
    });
    return this.turn;
  }
}
