/** Postgres dies again and again under a fleet at work: agents are told to come again, and no job is lost or done twice. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { applyQuota, provideKdk, readyFor } from '../support/fleet-of-agents.ts';
import { query } from '../support/query.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';

const AGENTS = 8;
const STEPS = 3;
const QUOTA = 12;
const KILLS = 3;
const PAUSE_MS = 400;
const READY_MS = 90_000;

let folder: string;
let controller: ControllerProcess;
const agents: SyntheticAgent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-restart-'));
  const args = ['--sweep-ms', '500', '--check-in-ms', '500', '--lease-ttl-ms', '3000'];
  controller = await ControllerProcess.start({ stateDir: folder, args });
  const token = await controller.enrolToken(AGENTS, ['lab']);
  for (let n = 0; n < AGENTS; n++) agents.push(await SyntheticAgent.enrol(controller.urls.enrolUrl, token));
  for (const agent of agents) agent.start();
  await provideKdk(controller);
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await controller?.stop();
  await rm(folder, { recursive: true, force: true });
});

const sql = <Row extends object>(text: string) => query<Row>(embeddedAddress(folder), text);
const answers = () => agents.flatMap(({ finished }) => finished);

const postmasterPid = () => Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

it('loses nothing and does nothing twice', { timeout: 120_000 }, async () => {
  await applyQuota(controller, 'lab', QUOTA);
  for (let kill = 1; kill <= KILLS; kill++) {
    // In the middle of the work: some jobs are done, some are not.
    await waitFor(() => answers().length >= kill);
    const pid = postmasterPid();
    process.kill(pid, 'SIGKILL');
    await waitFor(() => postmasterPid() !== pid, READY_MS);
    await waitFor(() => controller.call('GET', '/readyz').catch(() => null), READY_MS);
    await sleep(PAUSE_MS);
  }
  await waitForValue(() => readyFor(sql, QUOTA), AGENTS, READY_MS);
  const jobs = await sql<{ id: string; state: string }>("SELECT id, state FROM job WHERE lane = 'plan'");
  expect(jobs.map(({ state }) => state)).toEqual(Array(STEPS * AGENTS).fill('succeeded'));
  const accepted = answers().filter((one) => one.accepted);
  // A finish whose answer was lost with Postgres is counted by the controller alone; none is taken twice.
  expect(new Set(accepted.map(({ jobId }) => jobId)).size).toBe(accepted.length);
  expect(jobs.map(({ id }) => id)).toEqual(expect.arrayContaining(accepted.map(({ jobId }) => jobId)));
  const finished = await sql<{ id: string }>(
    "SELECT detail->>'jobId' AS id FROM host_event WHERE kind = 'step.finished'",
  );
  expect(finished.map(({ id }) => id).sort()).toEqual(jobs.map(({ id }) => id).sort());
});
