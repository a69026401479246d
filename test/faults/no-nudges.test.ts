/** With nudges off nobody is told of work; the next check-in finds it, and the raise goes its whole way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { applyQuota, provideKdk, readyFor } from '../support/fleet-of-agents.ts';
import { query } from '../support/query.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';

const AGENTS = 3;
const STEPS = 3;
const QUOTA = 12;

let folder: string;
let controller: ControllerProcess;
const agents: SyntheticAgent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-silent-'));
  const args = ['--no-nudges', '--check-in-ms', '400', '--sweep-ms', '400'];
  controller = await ControllerProcess.start({ stateDir: folder, args });
  const token = await controller.enrolToken(AGENTS, ['lab']);
  for (let n = 0; n < AGENTS; n++) agents.push(await SyntheticAgent.enrol(controller.urls.enrolUrl, token));
  for (const agent of agents) agent.start();
  await waitFor(() => agents.every(({ connectedTo }) => connectedTo !== null));
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await controller?.stop();
  await rm(folder, { recursive: true, force: true });
});

const sql = <Row extends object>(text: string) => query<Row>(embeddedAddress(folder), text);

it('work is found by check-in, and done to its end', { timeout: 90_000 }, async () => {
  await provideKdk(controller);
  await applyQuota(controller, 'lab', QUOTA);
  await waitForValue(() => readyFor(sql, QUOTA), AGENTS);
  const accepted = agents.flatMap(({ finished }) => finished).filter((one) => one.accepted);
  expect(accepted).toHaveLength(STEPS * AGENTS);
  expect(agents.map(({ nudges }) => nudges)).toEqual(Array(AGENTS).fill(0));
});
