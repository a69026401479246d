/**
 * The same questions as the simulation in memory, asked of real Postgres: random commands of people, Macs and time against the product's own
 * stores, engine and evaluator. No job lost, none under two live leases, one finish of each hand-out, limits and thresholds held,
 * nothing lowered without a live grant, rings, gates and windows kept, what was never witnessed begun with one Mac, nothing opened by a
 * rollout that stands still, and every Mac gets there once nothing fails.
 * A run is replayed by what a failure prints: HEADROOM_SEED and HEADROOM_PATH. The long run: npm run simulate -- --postgres.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestApi, type TestApi } from '../api/support.ts';
import { keepFlips } from './postgres-flips.ts';
import { closedWindow, STRATEGIES, type StrategyName } from './postgres-strategies.ts';
import { PostgresWatch } from './postgres-watch.ts';
import { type Control, HOSTS, PostgresWorld } from './postgres-world.ts';

const seed = Number(process.env['HEADROOM_SEED'] ?? Date.now() % 2 ** 31);
const path = process.env['HEADROOM_PATH'];
const seconds = Number(process.env['HEADROOM_SECONDS'] ?? 5);
const COMMANDS_MAX = 30;
const RUNS_MAX = 1_000;

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await keepFlips(test.database.pool);
  // The KDK of every Mac here.
  await test.database.prisma.kdk.create({ data: kdk(test.database.siteId) });
});
afterAll(() => test.stop());

const mac = fc.nat({ max: HOSTS - 1 });
const breakage = fc.constantFrom(
  { kind: 'install_kdk', code: 'KDK_DOWNLOAD_FAILED' } as const,
  { kind: 'build_kc', code: 'KC_WRONG_VARIANT' } as const,
  { kind: 'place_kit', code: 'INTERNAL' } as const,
  null,
);
const often = (command: fc.Arbitrary<Command>, times: number) => Array.from({ length: times }, () => command);
const commands = fc.commands(
  [
    ...often(
      mac.map((index) => command(`work ${index}`, async (world) => void (await world.work(index)))),
      5,
    ),
    ...often(fc.constant(command('sweep', (world) => world.sweep())), 3),
    ...often(
      fc
        .constantFrom(1, 61, 20 * 60, 90 * 60, 5 * 3600)
        .map((s) => command(`wait ${s} s`, (world) => world.wait(s * 1000))),
      2,
    ),
    mac.map((index) => command(`crash ${index}`, (world) => world.crash(index))),
    mac.map((index) => command(`late ${index}`, (world) => world.late(index))),
    fc
      .tuple(mac, breakage)
      .map(([index, breaks]) => command(`break ${index} ${breaks?.kind}`, (world) => world.breakMac(index, breaks))),
    fc
      .tuple(mac, fc.boolean())
      .map(([index, present]) => command(`label ${index} ${present}`, (world) => world.label(index, present))),
    fc
      .tuple(fc.constantFrom(8, 6), fc.constantFrom(...STRATEGIES))
      .map(([quota, name]) => command(`apply ${quota} ${name}`, (world) => world.apply(quota, name))),
    fc.nat({ max: 1 }).map((ring) => command(`gate ${ring}`, (world) => world.openGate(ring))),
    mac.map((index) => command(`skip ${index}`, (world) => world.skip(index))),
    fc.constant(command('revoke', (world) => world.revoke())),
    fc
      .constantFrom<Control>('pause', 'resume', 'halt', 'retry', 'confirm')
      .map((name) => command(name, (world) => world.control(name))),
  ],
  { maxCommands: COMMANDS_MAX, size: 'max', ...(path !== undefined && { replayPath: path.split(' ')[1] }) },
);

/** Those in which a Mac gets to where it should be without guests that somebody counts. */
const ENDING = STRATEGIES.filter((name) => name !== 'witnessed');

type Command = fc.AsyncCommand<object, PostgresWorld>;

function command(name: string, run: (world: PostgresWorld) => Promise<void>): Command {
  return {
    check: () => true,
    async run(_model, world) {
      await run(world);
      await world.watch.check();
    },
    toString: () => name,
  };
}

describe(`seed ${seed}`, { timeout: (seconds + 120) * 1000 }, () => {
  it('holds whatever is done, and every Mac gets there', async () => {
    let runs = 0;
    const until = Date.now() + seconds * 1000;
    const ways = fc.record({ first: fc.constantFrom(...STRATEGIES), last: fc.constantFrom(...ENDING) });
    const property = fc.asyncProperty(ways, commands, async ({ first, last }, some) => {
      if (runs > 0 && Date.now() > until) return;
      runs += 1;
      const real = await PostgresWorld.open(test);
      await real.apply(8, first);
      // What it opened is judged by the time at which it did.
      await real.watch.check();
      await fc.asyncModelRun(() => ({ model: {}, real }), some);
      await real.converge(last);
    });
    await fc.assert(property, {
      seed,
      ...(path !== undefined && { path: path.split(' ')[0] }),
      numRuns: RUNS_MAX,
      endOnFailure: process.env['HEADROOM_SECONDS'] === undefined,
    });
    console.log(`${runs} runs on Postgres, seed ${seed}`);
    expect(runs).toBeGreaterThan(0);
  });
});

describe('the watch notices', () => {
  it('a second live lease, and a second finish', async () => {
    const world = await PostgresWorld.open(test);
    await world.apply(8);
    for (const index of world.agents.keys()) await world.work(index);
    await world.sweep();
    for (const index of world.agents.keys()) await world.work(index);
    const holder = world.agents.find(({ held }) => held !== null);
    const lease = holder?.held;
    if (holder === undefined || lease == null) throw new Error('nobody holds a job');
    const watch = new PostgresWatch(test);
    await watch.onLease(holder, lease, 1n);
    await expect(watch.onLease(holder, lease, 1n)).rejects.toThrow('two live leases');
    watch.onFinish({ lease, accepted: true });
    expect(() => watch.onFinish({ lease, accepted: true })).toThrow('two finishes');
  });

  const OPEN = "UPDATE rollout_target SET state = 'opened'";
  const DONE = "UPDATE rollout_target SET state = 'succeeded', ended_at = '2026-01-01' WHERE ring = 0";
  const closed = () => closedWindow(test.clock.now());
  it.each<[string, () => StrategyName, (world: PostgresWorld) => Promise<void>, readonly string[], RegExp]>([
    [
      'more Macs than may be under way',
      () => 'plain',
      async () => {},
      [`${OPEN} WHERE ring = 0`],
      /under way, 2 may be/,
    ],
    [
      'a ring before the one before it',
      () => 'plain',
      async () => {},
      [`${OPEN} WHERE ring = 1`],
      /opens ring 1: 0 of 2/,
    ],
    [
      'a ring whose gate nobody opened',
      () => 'gated',
      async () => {},
      [DONE, `${OPEN} WHERE ring = 1`],
      /opened its gate/,
    ],
    ['a Mac outside the window', closed, async () => {}, [`${OPEN} WHERE ring = 0`], /outside its window/],
    ['a skipped Mac', () => 'plain', (world) => world.skip(4), [`${OPEN} WHERE state = 'skipped'`], /which is skipped/],
    [
      'a Mac of a halted rollout',
      () => 'plain',
      (world) => world.control('halt'),
      [`${OPEN} WHERE ring = 0`],
      /was stopped/,
    ],
    [
      'a second Mac of what was never witnessed',
      () => 'witnessed',
      async () => {},
      ['UPDATE rollout_target SET ring = 0', OPEN],
      /T6020 23F79 was never witnessed/,
    ],
  ])('a rollout that opens %s', async (_name, strategy, before, sql, expected) => {
    const world = await PostgresWorld.open(test);
    for (const index of world.agents.keys()) await world.work(index);
    await world.apply(8, strategy());
    await world.watch.check();
    await before(world);
    await world.watch.check();
    for (const statement of sql) await test.database.pool.query(statement);
    await expect(world.watch.check()).rejects.toThrow(expected);
  });
});

function kdk(siteId: string) {
  return {
    id: '0195bbbb-0000-7000-8000-000000000001',
    siteId,
    version: '14.5',
    build: '23F79',
    sha256: 'ef'.repeat(32),
    sizeBytes: 800_000_000n,
    fileName: 'Kernel_Debug_Kit_14.5_build_23F79.dmg',
    addedBy: 'token:admin',
    addedAt: test.clock.now(),
  };
}
