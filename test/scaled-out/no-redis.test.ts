/** Nobody answers where Redis should be: queue and bus start, take wake-ups, stop, and say it once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RedisBus } from '../../apps/controller/src/bus/redis-bus.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { BullmqQueue } from '../../apps/controller/src/queue/bullmq-queue.ts';
import { freePort, hasRedis, REDIS_NEEDED, TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

/** Far below what one connection attempt after the other would take. */
const QUICK_MS = 15_000;

afterEach(() => {
  vi.restoreAllMocks();
});

function lines(): string[] {
  const said: string[] = [];
  const note = (text: unknown) =>
    said.push(
      ...String(text)
        .split('\n')
        .filter((line) => line !== ''),
    );
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => note(text) > 0);
  for (const name of ['log', 'warn', 'error'] as const) vi.spyOn(console, name).mockImplementation(note);
  return said;
}

describe('a dead port', () => {
  it('holds up neither start, nor work, nor stop, and floods no log', async () => {
    const said = lines();
    const url = `redis://127.0.0.1:${await freePort()}`;
    const from = Date.now();
    const queue = await BullmqQueue.onRedis(url, uuidv7());
    const bus = await RedisBus.connect(url, uuidv7());
    for (let times = 0; times < 1_000; times += 1) {
      await queue.add('evaluate', 'fleet');
      bus.publish({ kind: 'due', hostId: uuidv7() });
    }
    await sleep(1_500);
    await queue.close();
    await bus.close();
    expect(Date.now() - from).toBeLessThan(QUICK_MS);
    expect(said.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      expect.stringMatching(/^queue: the queue in Redis is away .*ECONNREFUSED/),
      expect.stringMatching(/^bus: the bus in Redis is away .*ECONNREFUSED/),
    ]);
  });
});

describe.skipIf(!hasRedis)(`a Redis that comes later, needs ${REDIS_NEEDED}`, () => {
  it('is found without a restart', async () => {
    const said = lines();
    const redis = await TestRedis.start();
    await redis.kill();
    const queue = await BullmqQueue.onRedis(redis.url, uuidv7());
    const seen: string[] = [];
    await queue.process('evaluate', async (id) => void seen.push(id));
    await redis.start();
    await waitFor(async () => {
      await queue.add('evaluate', 'fleet');
      return seen.length > 0;
    });
    await queue.close();
    await redis.stop();
    expect(said.map((line) => / in Redis is (away|back)/.exec(line)?.[1])).toEqual(['away', 'back']);
  });
});
