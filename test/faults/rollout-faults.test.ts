/**
 * In the middle of a rollout in five rings: kill -9 of the controller, kill -9 of Postgres, the queue's schema dropped. Each time
 * the rollout ends by itself, with nothing doubled and without anybody's help.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { applyQuota, provideKdk } from '../support/fleet-of-agents.ts';
import { query } from '../support/query.ts';
import { SyntheticFleet } from '../support/synthetic-fleet.ts';
import { waitFor } from '../support/wait-for.ts';

/** HEADROOM_FAULT_AGENTS=1000 plays it with a fleet of that size, which takes minutes. */
const AGENTS = Number(process.env['HEADROOM_FAULT_AGENTS'] ?? 40);
/** 3 % of the Macs fail for good in each rollout. */
const FAILING = Math.max(1, Math.floor(AGENTS * 0.03));
/** As far as a controller and its agents come without a person; a small ring may hold the one that fails. */
const ring = (name: string, take: object) => ({ name, take, successAt: { percent: 60 }, errorAt: { percent: 50 } });
const FIVE_RINGS = {
  rings: [
    ...[20, 40, 60, 80].map((percent) => ring(`to ${percent} %`, { kind: 'percent', percent })),
    ring('rest', { kind: 'rest' }),
  ],
  success: 'prepared',
};
const END_MS = 150_000 + AGENTS * 300;
const TEST_MS = END_MS + 90_000;

let folder: string;
let controller: ControllerProcess;
let fleet: SyntheticFleet;

const start = () =>
  ControllerProcess.start({
    stateDir: folder,
    args: ['--sweep-ms', '500', '--check-in-ms', '2000', '--lease-ttl-ms', '4000'],
  });
const sql = <Row extends object>(text: string) => query<Row>(embeddedAddress(folder), text);
const postmasterPid = () => Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-rollout-'));
  controller = await start();
  fleet = await SyntheticFleet.enrol(controller, controller.urls.enrolUrl, AGENTS, 'lab');
  // Spread over the fleet in the order of enrolment, which says nothing about rings.
  const every = Math.floor(AGENTS / FAILING);
  for (const { mac } of fleet.agents.filter((_, index) => index % every === 0).slice(0, FAILING))
    mac.breaks = { kind: 'build_kc', errorCode: 'KC_WRONG_VARIANT' };
  fleet.start();
  await provideKdk(controller);
}, TEST_MS);

afterAll(async () => {
  await fleet?.stop();
  await controller?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Standing {
  readonly id: string;
  readonly state: string;
  readonly targets: Readonly<Record<string, number>>;
}

async function newestRollout(): Promise<Standing> {
  const { items } = await controller.call<{ items: Standing[] }>('GET', '/api/v1/rollouts?limit=1');
  const [newest] = items;
  if (newest === undefined) throw new Error('there is no rollout');
  return newest;
}

/** Some Macs have come through, and some have not begun. */
async function inTheMiddle(before: string | null): Promise<void> {
  await waitFor(async () => {
    const { id, targets } = await newestRollout();
    return id !== before && (targets['succeeded'] ?? 0) > 0 && (targets['pending'] ?? 0) > 0;
  }, END_MS);
}

/** The rollout has ended; every Mac was flipped once, has one visit, and each step of each plan was done once. */
async function expectEnded(rollouts: number): Promise<void> {
  await waitFor(async () => (await newestRollout().catch(() => null))?.state === 'finished', END_MS);
  expect((await newestRollout()).targets).toEqual({ succeeded: AGENTS - FAILING, failed: FAILING });
  const flips = await sql<{ n: number }>(
    "SELECT count(*)::int AS n FROM audit WHERE action = 'intent.set' GROUP BY entity_id",
  );
  expect(flips.map(({ n }) => n)).toEqual(Array(AGENTS).fill(rollouts));
  const visits = await sql<{ n: number }>("SELECT count(*)::int AS n FROM visit WHERE state IN ('due', 'open')");
  expect(visits).toEqual([{ n: AGENTS - FAILING }]);
  const twice = await sql(
    "SELECT plan_id, step_index FROM job WHERE state = 'succeeded' GROUP BY 1, 2 HAVING count(*) > 1",
  );
  expect(twice).toEqual([]);
  expect(await sql("SELECT id, state FROM job WHERE state IN ('queued', 'leased')")).toEqual([]);
  const reports = fleet.agents.flatMap(({ finished }) => finished);
  const accepted = reports.flatMap(({ accepted: taken, jobId }) => (taken ? [jobId] : []));
  expect(new Set(accepted).size).toBe(accepted.length);
  const ended = await sql<{ id: string }>("SELECT id::text AS id FROM job WHERE state IN ('succeeded', 'failed')");
  expect(ended.map(({ id }) => id)).toEqual(expect.arrayContaining(accepted));
}

describe('a rollout in five rings ends by itself, nothing doubled', { timeout: TEST_MS }, () => {
  it('when the controller is killed in the middle', async () => {
    await applyQuota(controller, 'lab', 255, FIVE_RINGS);
    await inTheMiddle(null);
    await controller.kill();
    controller = await start();
    await expectEnded(1);
  });

  it('when Postgres is killed in the middle', async () => {
    const { id: before } = await newestRollout();
    await applyQuota(controller, 'lab', 128, FIVE_RINGS);
    await inTheMiddle(before);
    const pid = postmasterPid();
    process.kill(pid, 'SIGKILL');
    await waitFor(() => postmasterPid() !== pid, END_MS);
    await expectEnded(2);
  });

  it("when the queue's schema is dropped in the middle", async () => {
    const { id: before } = await newestRollout();
    await applyQuota(controller, 'lab', 64, FIVE_RINGS);
    await inTheMiddle(before);
    await sql('DROP SCHEMA bullmq CASCADE');
    await expectEnded(3);
  });
});
