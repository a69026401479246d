/** The real agent against the agents' side of a real controller: enrolment, sessions, leases, and a plan to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { VisitPlanning } from '../../apps/controller/src/visits/visit-planning.ts';
import { startController, type TestController } from '../agents-link/support/controller.ts';
import { dial, type Mac, newToken } from '../agents-link/support/mac.ts';
import { openPlan } from '../agents-link/support/plans.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';
import { type CommandResult, command, SimulatedMac } from './simulated-mac.ts';

const END_MS = 2_000;
const LAUNCHER = fileURLToPath(new URL('../../bin/headroom-agent.mjs', import.meta.url));

let controller: TestController;
let mac: SimulatedMac;
beforeAll(async () => {
  controller = await startController({ checkInMs: 300, leaseTtlMs: 3000 });
  mac = new SimulatedMac().start();
});
afterAll(async () => {
  mac?.remove();
  await controller?.stop();
});

const isNoSocket = (path: string): boolean => !path.endsWith('.sock');

class RunningAgent {
  log = '';
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  private readonly child: ChildProcess;

  constructor(on: SimulatedMac, options: readonly string[]) {
    const args = [LAUNCHER, 'run', '--sysroot', on.sysroot, ...options];
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.log += chunk.toString('utf8');
    });
    this.ended = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }> {
    this.child.kill(signal);
    return this.ended;
  }

  closeStdin(): Promise<{ code: number | null; signal: string | null }> {
    this.child.stdin?.end();
    return this.ended;
  }

  says(text: string, times = 1): Promise<void> {
    return waitFor(() => {
      if (this.log.split(text).length > times) return true;
      throw new Error(`it did not say ${JSON.stringify(text)}, but: ${this.log.slice(-2000)}`);
    });
  }
}

async function timeToEnd(agent: RunningAgent): Promise<number> {
  const asked = Date.now();
  expect(await agent.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  return Date.now() - asked;
}

async function enroll(token: string, on = mac): Promise<CommandResult> {
  const file = join(on.folder, 'token');
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const url = `https://localhost:${controller.enrolPort}`;
  return command('headroom-agent', ['enroll', '--sysroot', on.sysroot, '--url', url, '--token-file', file]);
}

describe('enrolment', () => {
  it('says no secret to a controller with another CA', async () => {
    const [id, secret] = (await newToken(controller)).split('.');
    const { code, stderr } = await enroll(`${id}.${secret}.${'0'.repeat(64)}`);
    expect(stderr).toMatch(/ENROL_OTHER_CONTROLLER: .* expected sha256 0{64}, seen [0-9a-f]{64}/);
    expect(stderr).not.toContain(secret);
    expect(code).toBe(1);
    expect(mac.list('/var/db/headroom')).not.toContain('identity.json');
  });

  it('names an unknown token, and what to do', async () => {
    const fingerprint = (await newToken(controller)).split('.')[2] ?? '';
    const { stderr } = await enroll(`018f0000-0000-7000-8000-000000000000.${'A'.repeat(43)}.${fingerprint}`);
    expect(stderr).toMatch(/TOKEN_INVALID[\s\S]*Next: Make a new token/);
  });

  it('keeps identity and key, and is harmless when run again', async () => {
    const token = await newToken(controller);
    expect(await enroll(token)).toMatchObject({ code: 0, stderr: '' });
    const before = mac.read('/var/db/headroom/identity.json');
    const again = await enroll(token);
    expect(again.stdout).toMatch(/is enrolled already/);
    expect(mac.read('/var/db/headroom/identity.json')).toBe(before);
  });
});

describe('the running agent', () => {
  const agents: RunningAgent[] = [];
  const startOn = (on: SimulatedMac, ...options: readonly string[]): RunningAgent => {
    const agent = new RunningAgent(on, options);
    agents.push(agent);
    return agent;
  };
  const start = (...options: readonly string[]): RunningAgent => startOn(mac, ...options);
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.kill('SIGKILL')));
  });
  const identity = () => JSON.parse(mac.read('/var/db/headroom/identity.json')) as { hostId: string; fleetId: string };

  it('reports facts, and ends within two seconds of SIGTERM', async () => {
    let agent = start();
    const { hostId } = identity();
    const report = () => controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId } });
    await waitFor(async () => (await report()).facts !== null);
    expect((await report()).facts).toMatchObject({ hardware: { uuid: mac.hostUuid }, os: { build: '23F79' } });
    let took = await timeToEnd(agent);
    // A loaded machine may hold up any one end.
    for (let again = 0; took >= END_MS && again < 2; again += 1) {
      agent = start();
      await agent.says('is open');
      took = await timeToEnd(agent);
    }
    expect(took).toBeLessThan(END_MS);
  });

  it('ends when its parent is gone', async () => {
    const agent = start('--exit-with-parent');
    await agent.says('is open');
    expect(await agent.closeStdin()).toEqual({ code: 0, signal: null });
  });

  it('takes raise off the Mac when its consent has ended, without a controller', async () => {
    const file = join(mac.sysroot, 'private/var/db/headroom/identity.json');
    const before = mac.read('/var/db/headroom/identity.json');
    const kit = join(mac.sysroot, 'Library/Headroom');
    mkdirSync(kit, { recursive: true });
    for (const name of ['raise', 'revert']) writeFileSync(join(kit, name), 'x');
    writeFileSync(join(kit, 'manifest'), 'headroom-manifest=1\nexpires=2026-01-01T00:00:00.000Z\n');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(before), agentUrl: 'https://127.0.0.1:1' }));
    try {
      const agent = start();
      await agent.says('removed raise');
      expect(mac.list('/Library/Headroom')).toEqual(['manifest', 'revert']);
      expect(agent.log).not.toContain('is open');
    } finally {
      writeFileSync(file, before);
      rmSync(kit, { recursive: true });
    }
  });

  it('opens one more session when fenced, then names the clone', async () => {
    const agent = start();
    await agent.says('is open');
    const key = mac.read('/var/db/headroom/key.pem');
    const certificate = mac.read('/var/db/headroom/cert.pem');
    const twin = dial(controller, { key, certificate });
    const fence = () =>
      new Promise<void>((resolve, reject) =>
        twin.openSession(
          {
            agentVersion: '0.1.0',
            capabilities: [],
            hostUuid: mac.hostUuid,
            bootSessionId: '00000000-0000-4000-8000-000000000000',
            bootOrdinal: 1,
            highestGeneration: 0n,
            highestSession: 0n,
          },
          (error) => (error === null ? resolve() : reject(error)),
        ),
      );
    await fence();
    await agent.says('opening one more');
    await agent.says('is open', 2);
    await fence();
    await agent.says('SESSION_FENCED: Another Mac seems to use the identity');
    twin.close();
    await agent.kill('SIGTERM');
  });

  it('ends, to be started again with its new identity, when this Mac is enrolled anew while it runs', async () => {
    const agent = start();
    await agent.says('is open');
    const { hostId } = identity();
    const revocation = { hostId, actor: 'test', reason: 'its identity was damaged' };
    await controller.database.transaction((tx) => controller.certificates.revokeAll(tx, revocation));
    await agent.says('CERTIFICATE_REVOKED');
    rmSync(join(mac.sysroot, 'private/var/db/headroom/identity.json'));
    expect(await enroll(await newToken(controller))).toMatchObject({ code: 0 });
    await agent.says('this Mac was enrolled anew');
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    await start().says('is open');
  });

  it('tells the controller at once of guests that somebody has counted', async () => {
    const { hostId } = identity();
    const agent = start('--check-in-ms', '600000');
    await agent.says('is open');
    const said = ['witness', '--sysroot', mac.sysroot, '--guests', '4', '--source', 'probe'];
    expect(await command('headroom-agent', said)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('4 macOS'),
    });
    await agent.says('witness: 4 macOS guests, says probe');
    await waitFor(async () => {
      const { facts } = await controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId } });
      return (facts as { guests: { witness: { macosGuests: number } | null } }).guests.witness?.macosGuests === 4;
    });
    const refused = await command('headroom-agent', [...said.slice(0, 4), '2000']);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Not taken: macosGuests: expected a whole number/),
    });
  });

  it('is refused on a Mac that got its identity by Migration Assistant, until that one is enrolled by itself', async () => {
    const { hostId } = identity();
    const other = new SimulatedMac().start();
    try {
      const home = join(other.sysroot, 'private/var/db/headroom');
      cpSync(join(mac.sysroot, 'private/var/db/headroom'), home, { recursive: true, filter: isNoSocket });
      const copy = startOn(other);
      await copy.says('HOST_UUID_DIFFERS');
      expect(copy.log).not.toContain('is open');
      const wanted = { hostId, kind: 'clone.suspected' };
      const events = await controller.database.prisma.hostEvent.findMany({ where: wanted });
      const named = events.map(({ detail }) => JSON.stringify(detail)).filter((text) => text.includes(other.hostUuid));
      expect(named).toHaveLength(1);
      expect(named[0]).toContain(mac.hostUuid);
      await copy.kill('SIGKILL');
      rmSync(home, { recursive: true });
      expect(await enroll(await newToken(controller), other)).toMatchObject({ code: 0, stderr: '' });
      await startOn(other).says('is open');
    } finally {
      await Promise.all(agents.splice(0).map((agent) => agent.kill('SIGKILL')));
      other.remove();
    }
  });

  it('tells the status files of a drain at once, over a restart, and that it is over', async () => {
    const { hostId } = identity();
    const { database, bus } = controller;
    const id = uuidv7();
    const visit = { id, siteId: database.siteId, hostId, kind: 'restart', state: 'due', reason: 'x' };
    await database.prisma.visit.create({ data: { ...visit, createdAt: new Date() } });
    const planning = new VisitPlanning(database, bus);
    const order = () => ({ id, actor: 'token:kim', now: new Date(), ifMatch: null });
    const said = () =>
      (JSON.parse(mac.read('/var/db/headroom/status.json')) as { visit: { phase: string } | null }).visit;
    const status = () => command('headroom-agent', ['status', '--sysroot', mac.sysroot]);
    // So slow that only a nudge can be the reason; one that comes before the stream is open is lost, and said again.
    const slow = ['--check-in-ms', '600000'];
    const nudged = (phase: string) =>
      waitFor(async () => {
        bus.publish({ kind: 'notice', hostId });
        await new Promise((resolve) => setTimeout(resolve, 200));
        return said()?.phase === phase;
      });
    const first = start(...slow);
    await first.says('is open');
    controller.wakes.splice(0);
    await planning.drain(order());
    await waitFor(() => controller.wakes.some((wake) => wake.kind === 'notice' && wake.hostId === hostId));
    await nudged('drain');
    const before = said();
    expect(before).toMatchObject({ visitId: id, kind: 'restart', phase: 'drain' });
    await waitFor(() => mac.read('/var/db/headroom/status.plist').includes('<string>drain</string>'));
    expect((await status()).stdout).toMatch(/^visit\.drain: .*\(restart visit\)/m);
    await first.kill('SIGKILL');
    expect(said(), 'without an agent').toEqual(before);
    const second = start(...slow);
    await second.says('is open');
    expect(said(), 'after its restart').toEqual(before);
    await planning.cancel(order(), 'called away');
    await nudged('over');
    expect((await status()).stdout).not.toContain('visit.drain');
  });

  it('goes on with a plan after a kill in each step, and finishes each job once', async () => {
    const { hostId } = identity();
    controller.kdkFiles.files.set(mac.kdk.sha256, { path: mac.kdkFile, sizeBytes: mac.kdk.sizeBytes });
    const [installKdk, buildKc] = mac.raiseSteps();
    if (installKdk === undefined || buildKc === undefined) throw new Error('no steps');
    const host = { hostId, hostUuid: mac.hostUuid } as Mac;
    const { planId } = await openPlan(controller, host, [installKdk, buildKc, { kind: 'collect_facts' }]);
    const jobs = () => controller.database.prisma.job.findMany({ where: { planId }, orderBy: { stepIndex: 'asc' } });
    for (const phase of ['install_kdk', 'build_kc']) {
      const agent = start();
      await waitFor(() => mac.journal().some(({ job, phase: at }) => job.kind === phase && at === 'acting'));
      await agent.kill('SIGKILL');
    }
    start();
    await waitForValue(
      async () => (await jobs()).map(({ kind, state, errorCode }) => [kind, state, errorCode]),
      [
        ['install_kdk', 'succeeded', null],
        ['build_kc', 'succeeded', null],
        ['collect_facts', 'succeeded', null],
      ],
    );
    expect(mac.list('/var/db/headroom/kc')).toEqual(['23F79-T6020.kc', '23F79-T6020.kc.json']);
    await waitFor(() => mac.journal().length === 0);
  });

  it('refuses a lowering step without a grant, whatever the database says', async () => {
    const { hostId } = identity();
    const [, , placeKit] = mac.raiseSteps();
    if (placeKit === undefined) throw new Error('no step');
    const { jobId } = await openPlan(controller, { hostId, hostUuid: mac.hostUuid } as Mac, [placeKit], 2);
    start();
    const job = () => controller.database.prisma.job.findUniqueOrThrow({ where: { id: jobId } });
    await waitFor(async () => (await job()).errorCode !== null);
    expect(await job()).toMatchObject({ state: 'refused', errorCode: 'GRANT_MISSING' });
    expect(mac.list('/Library/Headroom')).toEqual([]);
  });
});
