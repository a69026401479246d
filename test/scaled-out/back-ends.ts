/** The back ends that hold wake-ups, as the contract suites need them: real, and breakable. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { BullmqQueue } from '../../apps/controller/src/queue/bullmq-queue.ts';
import type { JobQueue } from '../../apps/controller/src/queue/queue.ts';
import { query } from '../support/query.ts';
import { TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

export interface QueueBackEnd {
  openQueue(): Promise<JobQueue>;
  /** Dies at once and comes back. */
  restart(): Promise<void>;
  /** Everything that the queue keeps there is gone. */
  wipe(): Promise<unknown>;
  stop(): Promise<void>;
}

export async function queueOnPostgres(): Promise<QueueBackEnd> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hr-queue-'));
  const postgres = new EmbeddedPostgres(stateDir);
  await postgres.start();
  const pid = async () => Number((await readFile(join(stateDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
  return {
    openQueue: () => BullmqQueue.onPostgres(postgres.address),
    async restart() {
      const before = await pid();
      process.kill(before, 'SIGKILL');
      await waitFor(async () => (await pid()) !== before && (await query(postgres.address, 'SELECT 1')));
    },
    wipe: () => query(postgres.address, 'DROP SCHEMA bullmq CASCADE'),
    async stop() {
      await postgres.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

export async function queueOnRedis(): Promise<QueueBackEnd> {
  const redis = await TestRedis.start();
  const fleetId = uuidv7();
  return {
    openQueue: () => BullmqQueue.onRedis(redis.url, fleetId),
    async restart() {
      await redis.kill();
      await redis.start();
    },
    wipe: () => redis.command('flushall'),
    stop: () => redis.stop(),
  };
}
