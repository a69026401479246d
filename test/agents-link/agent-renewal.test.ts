/** The real agent renews its certificate at half its life, by itself, and goes on working; a rotated grant key reaches it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeyStore } from '../../apps/controller/src/keys/key-store.ts';
import { command, SimulatedMac } from '../agent/simulated-mac.ts';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { newToken } from './support/mac.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/headroom-agent.mjs', import.meta.url));
const LIFE_MS = 20_000;

let controller: TestController;
let mac: SimulatedMac;
let agent: ChildProcess | null = null;
let log = '';
beforeAll(async () => {
  controller = await startController({ checkInMs: 300, sweepMs: 200 }, { clientMs: LIFE_MS });
  mac = new SimulatedMac().start();
  const file = join(mac.folder, 'token');
  writeFileSync(file, `${await newToken(controller)}\n`, { mode: 0o600 });
  const url = `https://localhost:${controller.enrolPort}`;
  const enrolled = await command('headroom-agent', [
    'enroll',
    '--sysroot',
    mac.sysroot,
    '--url',
    url,
    '--token-file',
    file,
  ]);
  expect(enrolled).toMatchObject({ code: 0 });
  agent = spawn(process.execPath, [LAUNCHER, 'run', '--sysroot', mac.sysroot], { stdio: ['ignore', 'ignore', 'pipe'] });
  agent.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  mac?.remove();
  await controller?.stop();
});

const certificate = () => new X509Certificate(mac.read('/var/db/headroom/cert.pem'));
const identity = () => mac.read('/var/db/headroom/identity.json');

it('renews at half the life, uses the new certificate and outlives the old one', async () => {
  const first = certificate();
  await waitFor(() => certificate().serialNumber !== first.serialNumber, LIFE_MS);
  expect(Date.now()).toBeGreaterThan(Date.parse(first.validFrom) + LIFE_MS / 2);
  const { prisma } = controller.database;
  await waitFor(async () => (await prisma.certificate.findUnique({ where: { serial: serialOf(first) } }))?.revokedAt);
  await waitFor(() => Date.now() > Date.parse(first.validTo) + 1000, LIFE_MS);
  const report = () => prisma.hostReport.findFirstOrThrow();
  const seen = (await report()).lastSeenAt?.getTime() ?? 0;
  await waitFor(async () => ((await report()).lastSeenAt?.getTime() ?? 0) > seen);
  expect(log).not.toMatch(/could not be renewed/);
}, 90_000);

it('believes a rotated grant key, which its old one signed', async () => {
  const { keyId } = await KeyStore.rotateGrantKey(controller.config);
  await waitFor(() => identity().includes(keyId));
  await waitFor(() => log.includes(`the grant key ${keyId} is believed from now on`));
});

function serialOf({ serialNumber }: X509Certificate): string {
  return serialNumber.toLowerCase();
}
