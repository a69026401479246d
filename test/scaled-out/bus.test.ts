/** The contract of the bus, in one process and over Redis: wake-ups reach every listener, and nothing that breaks ends it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ControllerBus, InProcessBus, type Wake } from '../../apps/controller/src/bus/bus.ts';
import { RedisBus } from '../../apps/controller/src/bus/redis-bus.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { redisName } from '../../apps/controller/src/redis/redis-client.ts';
import { hasRedis, REDIS_NEEDED, TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

const QUIET_MS = 200;
const work = (): Wake => ({ kind: 'work', hostId: uuidv7() });

describe('the bus in one process', () => {
  let bus: ControllerBus;
  beforeEach(() => {
    bus = new InProcessBus();
  });
  contract(() => ({ speaker: bus, listener: bus }));
});

describe.skipIf(!hasRedis)(`the bus over Redis, needs ${REDIS_NEEDED}`, () => {
  let redis: TestRedis;
  let fleetId: string;
  let buses: RedisBus[] = [];
  beforeAll(async () => {
    redis = await TestRedis.start();
  });
  beforeEach(async () => {
    fleetId = uuidv7();
    buses = [await RedisBus.connect(redis.url, fleetId), await RedisBus.connect(redis.url, fleetId)];
  });
  afterEach(async () => {
    for (const bus of buses) await bus.close();
  });
  afterAll(() => redis?.stop());
  const pair = () => {
    const [speaker, listener] = buses;
    if (speaker === undefined || listener === undefined) throw new Error('two buses are needed');
    return { speaker, listener };
  };

  describe('within a controller', () => contract(() => ({ speaker: pair().speaker, listener: pair().speaker })));
  describe('from one controller to another', () => contract(pair));

  it('reaches another controller of the fleet once, and none of another fleet', async () => {
    const { speaker, listener } = pair();
    const stranger = await RedisBus.connect(redis.url, uuidv7());
    buses.push(stranger);
    const own = heard(speaker);
    const other = heard(listener);
    const foreign = heard(stranger);
    const wakes = Array.from({ length: 1_200 }, work);
    for (const wake of wakes) speaker.publish(wake);
    await waitFor(() => other.length >= wakes.length && own.length >= wakes.length);
    await sleep(QUIET_MS);
    expect([own, other, foreign]).toEqual([wakes, wakes, []]);
  });

  it('folds what is said twice in one turn on its way to the others', async () => {
    const { speaker, listener } = pair();
    const other = heard(listener);
    const wake = work();
    for (let times = 0; times < 10; times += 1) speaker.publish(wake);
    await waitFor(() => other.length > 0);
    await sleep(QUIET_MS);
    expect(other).toEqual([wake]);
  });

  it('believes nothing that it cannot read', async () => {
    const { speaker, listener } = pair();
    const other = heard(listener);
    const good = work();
    const channel = `${redisName(fleetId)}:bus`;
    const foreign = [
      'not JSON',
      'null',
      '[]',
      JSON.stringify({ sender: 1, wakes: [good] }),
      JSON.stringify({
        sender: 'x',
        wakes: [{ kind: 'work', hostId: 'all' }, null, { kind: 'reboot', hostId: good.hostId }],
      }),
      JSON.stringify({ sender: 'x', wakes: [{ ...good, pad: 'x'.repeat(70_000) }] }),
    ];
    for (const message of foreign) await redis.command('publish', channel, message);
    speaker.publish(good);
    await waitFor(() => other.length > 0);
    expect(other).toEqual([good]);
  });

  it('goes on within each controller while Redis is away, and between them when it is back', async () => {
    const { speaker, listener } = pair();
    const own = heard(speaker);
    const other = heard(listener);
    await redis.kill();
    const missed = work();
    speaker.publish(missed);
    await waitFor(() => own.length === 1);
    expect(other).toEqual([]);
    await redis.start();
    const later = work();
    await waitFor(() => {
      speaker.publish(later);
      return other.length > 0;
    });
    expect(other).not.toContainEqual(missed);
  });

  it('sees that Redis is silent, keeps little of what it has to say meanwhile, ends all the same, and goes on afterwards', async () => {
    const { speaker: ending } = pair();
    const silent = [await RedisBus.connect(redis.url, fleetId, 300), await RedisBus.connect(redis.url, fleetId, 300)];
    buses.push(...silent);
    const [speaker, listener] = silent as [RedisBus, RedisBus];
    const other = heard(listener);
    const raw = new Redis(redis.port, '127.0.0.1');
    let passedOn = 0;
    raw.on('message', () => {
      passedOn += 1;
    });
    await raw.subscribe(`${redisName(fleetId)}:bus`);
    redis.pause();
    try {
      for (let turn = 0; turn < 3_000; turn += 1) {
        speaker.publish(work());
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await Promise.race([ending.close().then(() => 'ended'), sleep(10_000, 'still ending')])).toBe('ended');
    } finally {
      redis.resume();
    }
    const later = work();
    await waitFor(() => {
      speaker.publish(later);
      return other.some(({ hostId }) => hostId === later.hostId);
    });
    raw.disconnect();
    expect(passedOn).toBeLessThan(1_500);
  });
});

interface Ends {
  readonly speaker: ControllerBus;
  readonly listener: ControllerBus;
}

function contract(ends: () => Ends): void {
  it('brings a wake-up to every listener, in order', async () => {
    const { speaker, listener } = ends();
    const [one, two] = [heard(listener), heard(listener)];
    const wakes: Wake[] = [work(), { kind: 'due', hostId: uuidv7() }, { kind: 'changed', hostId: uuidv7() }];
    for (const wake of wakes) speaker.publish(wake);
    await waitFor(() => two.length === wakes.length);
    expect([one, two]).toEqual([wakes, wakes]);
  });

  it('calls nobody from within publish', () => {
    const { speaker, listener } = ends();
    const seen = heard(listener);
    speaker.publish(work());
    expect(seen).toEqual([]);
  });

  it('keeps a listener that throws from the others', async () => {
    const { speaker, listener } = ends();
    const stop = listener.subscribe(() => {
      throw new Error('planned');
    });
    const seen = heard(listener);
    speaker.publish(work());
    await waitFor(() => seen.length === 1);
    stop();
  });

  it('does not call who stopped listening, and ends one subscription at a time', async () => {
    const { speaker, listener } = ends();
    const seen: Wake[] = [];
    const listen = (wake: Wake) => void seen.push(wake);
    const stops = [listener.subscribe(listen), listener.subscribe(listen)];
    stops[0]?.();
    stops[0]?.();
    speaker.publish(work());
    await waitFor(() => seen.length > 0);
    await sleep(QUIET_MS);
    expect(seen).toHaveLength(1);
  });

  it('is silent once closed, however often', async () => {
    const { speaker, listener } = ends();
    const seen = heard(listener);
    await listener.close();
    await listener.close();
    speaker.publish(work());
    await sleep(QUIET_MS);
    expect(seen).toEqual([]);
  });
}

function heard(bus: ControllerBus): Wake[] {
  const seen: Wake[] = [];
  bus.subscribe((wake) => seen.push(wake));
  return seen;
}
