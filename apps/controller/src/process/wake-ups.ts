import { type ControllerBus, InProcessBus } from '../bus/bus.ts';
import { RedisBus } from '../bus/redis-bus.ts';
import type { ControllerConfig } from '../config/config.ts';
import type { PostgresConnection } from '../db/open.ts';
import { BullmqQueue } from '../queue/bullmq-queue.ts';
import type { JobQueue } from '../queue/queue.ts';

export interface WakeUps {
  readonly bus: ControllerBus;
  readonly queue: JobQueue;
}

/** The two modes, and all that differs between them: where wake-ups travel. Neither may be needed for the controller to work. */
export async function openWakeUps(
  { redisUrl }: Pick<ControllerConfig, 'redisUrl'>,
  fleetId: string,
  connection: PostgresConnection,
): Promise<WakeUps> {
  if (!redisUrl) return { bus: new InProcessBus(), queue: await BullmqQueue.onPostgres(connection) };
  const [bus, queue] = await Promise.all([RedisBus.connect(redisUrl, fleetId), BullmqQueue.onRedis(redisUrl, fleetId)]);
  return { bus, queue };
}
