/** The contract of the queue, on both back ends: wake-ups arrive, equal ones are one, and nothing that breaks ends it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JobQueue } from '../../apps/controller/src/queue/queue.ts';
import { hasRedis, REDIS_NEEDED } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';
import { type QueueBackEnd, queueOnPostgres, queueOnRedis } from './back-ends.ts';

/** Long enough for a wake-up too many to arrive. */
const QUIET_MS = 300;

describe('the queue on Postgres', () => contract(queueOnPostgres));
describe.skipIf(!hasRedis)(`the queue on Redis, needs ${REDIS_NEEDED}`, () => contract(queueOnRedis));

function contract(start: () => Promise<QueueBackEnd>): void {
  let backEnd: QueueBackEnd;
  const queues: JobQueue[] = [];
  beforeAll(async () => {
    backEnd = await start();
  });
  afterEach(async () => {
    for (const queue of queues.splice(0)) await queue.close();
    await backEnd.wipe();
  });
  afterAll(() => backEnd?.stop());

  async function open(handler: (id: string) => Promise<void>): Promise<JobQueue> {
    const queue = await backEnd.openQueue();
    queues.push(queue);
    await queue.process('evaluate', handler);
    return queue;
  }

  it('wakes the handler', async () => {
    const seen: string[] = [];
    const queue = await open(async (id) => void seen.push(id));
    await queue.add('evaluate', 'one');
    await queue.add('evaluate', 'two');
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['one', 'two']);
  });

  it('folds equal ids, and runs once more for one that comes while the handler runs', async () => {
    const { held, release } = gate();
    const seen: string[] = [];
    const queue = await open(async (id) => {
      seen.push(id);
      if (seen.length === 1) await held;
    });
    await queue.add('evaluate', 'fleet');
    await waitFor(() => seen.length === 1);
    for (let times = 0; times < 5; times += 1) await queue.add('evaluate', 'fleet');
    release();
    await waitFor(() => seen.length === 2);
    await sleep(QUIET_MS);
    expect(seen).toEqual(['fleet', 'fleet']);
  });

  it('calls the handler one at a time', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const queue = await open(async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(20);
      running -= 1;
      done += 1;
    });
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => queue.add('evaluate', id)));
    await waitFor(() => done === 4);
    expect(most).toBe(1);
  });

  it('goes on after a handler threw, with the same id too', async () => {
    const seen: string[] = [];
    const queue = await open(async (id) => {
      seen.push(id);
      if (seen.length === 1) throw new Error('planned');
    });
    await queue.add('evaluate', 'fleet');
    await waitFor(() => seen.length === 1);
    await waitFor(async () => {
      await queue.add('evaluate', 'fleet');
      return seen.length > 1;
    });
  });

  it('gives a wake-up to one of two controllers', async () => {
    const seen: string[] = [];
    const first = await open(async (id) => void seen.push(`first ${id}`));
    await open(async (id) => void seen.push(`second ${id}`));
    const ids = Array.from({ length: 20 }, (_, index) => String(index));
    for (const id of ids) await first.add('evaluate', id);
    await waitFor(() => seen.length === ids.length);
    await sleep(QUIET_MS);
    expect(seen.map((text) => text.split(' ')[1]).sort()).toEqual(ids.sort());
  });

  it('waits for the handler under way when it closes, and calls none afterwards', async () => {
    const { held, release } = gate();
    const seen: string[] = [];
    const queue = await open(async (id) => {
      seen.push(`begin ${id}`);
      await held;
      seen.push(`end ${id}`);
    });
    await queue.add('evaluate', 'one');
    await waitFor(() => seen.length === 1);
    await queue.add('evaluate', 'two');
    const closed = queue.close().then(() => seen.push('closed'));
    await sleep(100);
    release();
    await closed;
    await sleep(QUIET_MS);
    expect(seen).toEqual(['begin one', 'end one', 'closed']);
  });

  it('works again after its back end died and came back', async () => {
    const seen: string[] = [];
    const queue = await open(async (id) => void seen.push(id));
    await queue.add('evaluate', 'before');
    await waitFor(() => seen.includes('before'));
    await backEnd.restart();
    await addUntilSeen(queue, 'after', seen);
  });

  it('works again after everything it keeps was deleted, also while a handler runs', async () => {
    const { held, release } = gate();
    const seen: string[] = [];
    const queue = await open(async (id) => {
      seen.push(id);
      if (id === 'long') await held;
    });
    await queue.add('evaluate', 'long');
    await waitFor(() => seen.includes('long'));
    await backEnd.wipe();
    await queue.add('evaluate', 'lost');
    release();
    await addUntilSeen(queue, 'after', seen);
  });
}

/** Wake-ups may be lost while the back end is away, so it is told again and again, as the sweep would. */
async function addUntilSeen(queue: JobQueue, id: string, seen: readonly string[]): Promise<void> {
  await waitFor(async () => {
    await queue.add('evaluate', id);
    return seen.includes(id);
  });
}

function gate(): { held: Promise<void>; release: () => void } {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { held, release };
}
