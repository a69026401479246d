import { Redis } from 'ioredis';
import { within } from '../common/kept-open.ts';

/** Until it has answered: one that takes connections and says nothing must hold up neither a start nor an end. */
const CONNECT_MS = 3_000;
const KEEP_ALIVE_MS = 10_000;

/**
 * One connected client, or an error. It never reconnects by itself: whoever owns it opens a new one (see KeptOpen), so nothing
 * queues up, hangs or floods the log while Redis is away. `broken` hears of its end, however that comes.
 */
export async function connectRedis(url: string, broken: (error: Error) => void): Promise<Redis> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    maxRetriesPerRequest: null,
    connectTimeout: CONNECT_MS,
    keepAlive: KEEP_ALIVE_MS,
  });
  let reason: Error | null = null;
  client.on('error', (error: Error) => {
    reason = error;
    broken(error);
  });
  client.on('end', () => broken(reason ?? new Error('Redis closed the connection')));
  try {
    await within(CONNECT_MS, 'Redis', client.connect());
    return client;
  } catch (error) {
    client.disconnect();
    throw reason ?? error;
  }
}

/** Everything of ours in Redis bears this name, so that fleets can share one. Braces keep its keys on one cluster node. */
export function redisName(fleetId: string): string {
  return `{headroom-${fleetId}}`;
}
