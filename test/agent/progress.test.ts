/** What a step says while it runs reaches the controller long before the lease has to be renewed: the real agent, a slow download. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController, type TestController } from '../agents-link/support/controller.ts';
import { type Mac, newToken } from '../agents-link/support/mac.ts';
import { openPlan } from '../agents-link/support/plans.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';
import { command, SimulatedMac } from './simulated-mac.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/headroom-agent.mjs', import.meta.url));
/** A regular renewal would come after 200 s: what arrives in this test was sent because there was something to say. */
const LEASE_TTL_MS = 600_000;

let controller: TestController;
let mac: SimulatedMac;
let agent: ChildProcess;
let sendImage: () => void = () => {};

beforeAll(async () => {
  controller = await startController({ checkInMs: 300, leaseTtlMs: LEASE_TTL_MS });
  mac = new SimulatedMac().start();
  const asked = new Promise<void>((resolve) => {
    sendImage = resolve;
  });
  controller.kdkFiles.open = async () => {
    await asked;
    return { path: mac.kdkFile, sizeBytes: mac.kdk.sizeBytes };
  };
  const file = join(mac.folder, 'token');
  writeFileSync(file, `${await newToken(controller)}\n`, { mode: 0o600 });
  const url = `https://localhost:${controller.enrolPort}`;
  await command('headroom-agent', ['enroll', '--sysroot', mac.sysroot, '--url', url, '--token-file', file]);
}, 60_000);

afterAll(async () => {
  sendImage();
  if (agent !== undefined) {
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    agent.kill('SIGKILL');
    await ended;
  }
  mac?.remove();
  await controller?.stop();
});

it('tells the line of a long step while it runs, and wakes whoever watches', async () => {
  const { hostId } = JSON.parse(mac.read('/var/db/headroom/identity.json')) as { hostId: string };
  const [installKdk] = mac.raiseSteps();
  if (installKdk === undefined) throw new Error('no step');
  const { jobId } = await openPlan(controller, { hostId, hostUuid: mac.hostUuid } as Mac, [installKdk]);
  agent = spawn(process.execPath, [LAUNCHER, 'run', '--sysroot', mac.sysroot], { stdio: 'ignore' });
  const job = () => controller.database.prisma.job.findUniqueOrThrow({ where: { id: jobId } });
  await waitFor(async () => (await job()).progress !== null);
  expect(await job()).toMatchObject({ state: 'leased', progress: 'acting', progressAt: expect.any(Date) });
  expect(controller.wakes).toContainEqual({ kind: 'progress', hostId });
  sendImage();
  await waitForValue(async () => (await job()).state, 'succeeded');
});
