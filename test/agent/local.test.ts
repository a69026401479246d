/** What a person at one Mac gets without a controller: prepare, doctor, status, witness. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Facts, KcResult } from '@headroom/core';
import { bootMac, createMac } from '@headroom/mac-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command, SimulatedMac } from './simulated-mac.ts';

interface Prepared {
  readonly readiness: { readonly state: string; readonly problems: readonly { readonly what: string }[] };
  readonly kc: KcResult | null;
  readonly runSheet: string | null;
}

let mac: SimulatedMac;
beforeAll(() => {
  mac = new SimulatedMac().start();
});
afterAll(() => mac.remove());

const agent = (name: string, ...args: readonly string[]): Promise<CommandResult> =>
  command('headroom-agent', [name, '--sysroot', mac.sysroot, ...args]);
const facts = async (): Promise<Facts> => JSON.parse((await agent('facts', '--json')).stdout);
const prepare = (...args: readonly string[]) => agent('prepare', '--local', '--kdk', mac.kdkFile, ...args);

describe('prepare --local', () => {
  it('refuses an image with another sum before it looks into it', async () => {
    const { code, stderr } = await prepare('--sha256', 'a'.repeat(64));
    expect([code, stderr]).toEqual([1, expect.stringContaining('KDK_SHA256_MISMATCH')]);
    expect(mac.list('/Library/Developer/KDKs')).toEqual([]);
  });

  it('says how ready the Mac is without an image too, and builds from the KDK that is installed', async () => {
    const own = new SimulatedMac().start();
    try {
      const without = () => command('headroom-agent', ['prepare', '--local', '--sysroot', own.sysroot]);
      const { code, stdout } = await without();
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(
          /^By its facts alone: [\s\S]*KC_MISSING_KDK: [\s\S]*build 23F79 is installed\.\n {2}Next: .*--kdk FILE/m,
        ),
      ]);
      await command('headroom-agent', ['prepare', '--local', '--kdk', own.kdkFile, '--sysroot', own.sysroot]);
      expect(await without()).toMatchObject({ code: 0, stdout: expect.stringContaining('hv_apple_isa_vm_quota') });
    } finally {
      own.remove();
    }
  });

  it('builds the collection, says what a person does, and lowers nothing', async () => {
    const before = await facts();
    const { code, stdout } = await prepare('--json', '--sha256', mac.kdk.sha256, '--quota', '16');
    const { readiness, kc, runSheet } = JSON.parse(stdout) as Prepared;
    expect(code).toBe(0);
    expect(readiness).toEqual({ state: 'not_started', problems: [] });
    expect(mac.list('/var/db/headroom/kc')).toEqual(['23F79-T6020.kc', '23F79-T6020.kc.json']);
    for (const text of [
      kc?.md5,
      kc?.uuid,
      'hv_apple_isa_vm_quota=0x10',
      "'/Volumes/Macintosh HD'",
      'Sign in as one of: admin',
    ])
      expect(runSheet).toContain(text);
    const after = await facts();
    for (const part of ['bootPolicy', 'sip', 'bootArgs', 'kitFolder', 'visitKit', 'kernel'] as const)
      expect(after[part], part).toEqual(before[part]);
  });

  it('names another macOS on this Mac, whose volumes recoveryOS may offer first', async () => {
    await mac.macSim('break', 'second-system');
    expect((await facts()).volumes.otherSystems).toEqual([
      { name: 'Macintosh HD 2', systemUuid: '0A1B2C3D-0000-4000-A000-000000000001' },
    ]);
    expect((await prepare()).stdout).toMatch(
      /^warning: More than one macOS is installed.* seen Macintosh HD, Macintosh HD 2\.\n {2}Next: .*Macintosh HD, never with a number/m,
    );
    await mac.macSim('break', 'second-system-removed');
    expect((await facts()).volumes.otherSystems).toEqual([]);
  });

  it('names what is in the way, with its next step', async () => {
    await mac.macSim('break', 'recovery-list-stale');
    expect((await prepare()).stdout).toMatch(
      /^blocker: recoveryOS lists no volume owner.* seen nobody\.\n {2}Next: .*updatePreboot/m,
    );
    await mac.macSim('break', 'owner-gone');
    const { stdout } = await prepare();
    expect(stdout).toMatch(/^blocker: No user of this Mac is a volume owner\..*\n {2}Next: /m);
    expect(stdout).toContain('1 blocker(s) above come first.');
  });
});

describe('a guest, in which nothing can ever be raised', () => {
  const guest = new SimulatedMac();
  beforeAll(() => {
    createMac(guest.sysroot, { variant: 'VMAPPLE', version: '14.5', build: '23F79' });
    bootMac(guest.sysroot);
  });
  afterAll(() => guest.remove());

  it('is asked for no KDK', async () => {
    const { code, stdout } = await command('headroom-agent', ['prepare', '--local', '--sysroot', guest.sysroot]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^blocker: A guest, not a Mac\.[\s\S]*said above keeps it/m),
    ]);
    expect(stdout).not.toContain('KDK');
  });

  it('has no files that a Mac need not have, and that is no trouble', async () => {
    const { stdout } = await command('headroom-agent', ['doctor', '--sysroot', guest.sysroot]);
    expect(stdout).toMatch(/^ok {3}facts {6}All that macOS tells could be read\.$/m);
  });
});

describe('prepare --local with a KDK that does not serve', () => {
  it('says why nothing was built, and what to do', async () => {
    const other = new SimulatedMac().start({ quotaSupport: false });
    try {
      const args = ['prepare', '--local', '--kdk', other.kdkFile, '--sysroot', other.sysroot];
      const { code, stdout } = await command('headroom-agent', args);
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(
          /^KDK_WITHOUT_QUOTA_SUPPORT: .* Looked for the text hv_apple_isa_vm_quota in .*\n {2}Next: /m,
        ),
      ]);
    } finally {
      other.remove();
    }
  });
});

describe('doctor and status', () => {
  it('answer in JSON before an agent ever ran', async () => {
    const { code, stdout } = await agent('status', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      { running: false, doing: expect.stringMatching(/No agent has run/) },
    ]);
  });

  it('say in plain words what is wrong and what to do', async () => {
    const { code, stdout } = await agent('doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^LOOK identity {3}This Mac has not joined a fleet\.\n {5}Next: headroom-agent enroll/m);
    expect(stdout).toMatch(/^LOOK blocker {4}No user of this Mac is a volume owner\./m);
    const looks = JSON.parse((await agent('doctor', '--json')).stdout) as readonly {
      ok: boolean;
      next: string | null;
    }[];
    expect(looks.filter(({ ok, next }) => !ok && next === null)).toEqual([]);
  });

  it('say what stands in the way of the agent itself, once', async () => {
    const own = await new SimulatedMac().start();
    try {
      const doctor = () => command('headroom-agent', ['doctor', '--json', '--sysroot', own.sysroot]);
      const looks = async () =>
        JSON.parse((await doctor()).stdout) as readonly { name: string; ok: boolean; seen: string }[];
      const bad = async () => (await looks()).filter(({ ok }) => !ok).map(({ name, seen }) => `${name}: ${seen}`);
      own.write('/var/db/headroom/identity.json', '{"hostId": 1}');
      expect(await bad()).toEqual([
        'identity: /var/db/headroom/identity.json is damaged (it lacks fields, or they have another form): remove it and enrol this Mac again',
        'agent: It is not running.',
      ]);
      const text = { hostId: 'h', fleetId: 'f', agentUrl: 'https://mac.example:1', enrolUrl: 'https://x', caPem: 'x' };
      own.write('/var/db/headroom/identity.json', JSON.stringify({ ...text, grantPublicKeys: [] }));
      for (const name of ['key.pem', 'cert.pem']) own.write(`/var/db/headroom/${name}`, 'x');
      const now = new Date().toISOString();
      const lastError = { code: 'UNREACHABLE', detail: 'CheckIn: refused', at: now, of: 'link' };
      const status = { lastContactAt: now, lastError, controller: 'https://mac.example:1' };
      own.write('/var/db/headroom/status.json', JSON.stringify(status));
      expect(await bad()).toEqual([
        'agent: It is not running.',
        expect.stringMatching(/^contact: .*UNREACHABLE: CheckIn: refused$/),
      ]);
      own.write('/var/db/headroom/status.json', JSON.stringify({ ...status, lastError: { ...lastError, of: 'job' } }));
      expect(await bad()).toEqual(['agent: It is not running.']);
      own.write('/var/db/headroom/state.json', '');
      expect(await bad()).toEqual([
        expect.stringMatching(/^memory: .*state\.json is damaged \(it is not JSON\): move it away/),
        'agent: It is not running.',
      ]);
      own.write('/var/db/headroom/status.json', 'junk');
      expect(await command('headroom-agent', ['status', '--sysroot', own.sysroot])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/cannot be read.*Next: headroom-agent doctor/),
      });
    } finally {
      own.remove();
    }
  });

  it('name a kit folder that is not ours', async () => {
    spawnSync('/bin/ln', ['-s', '/tmp', join(mac.sysroot, 'Library/Headroom')]);
    expect((await agent('doctor')).stdout).toMatch(
      /^LOOK blocker {4}\/Library\/Headroom is not ours\..* seen a link\.\n {5}Next: /m,
    );
    expect((await facts()).kitFolder).toBe('foreign');
  });

  it('have nothing to say before an agent ran', async () => {
    expect(await agent('status')).toMatchObject({ code: 1, stderr: expect.stringContaining('headroom-agent doctor') });
  });
});

describe('witness', () => {
  it('counts in its boot, and a smaller count does not hide a greater one', async () => {
    expect((await facts()).guests.witness).toBe(null);
    for (const guests of ['3', '1'])
      expect((await agent('witness', '--guests', guests, '--source', 'probe')).code).toBe(0);
    expect((await facts()).guests.witness).toMatchObject({ macosGuests: 3, source: 'probe' });
    await mac.macSim('power-cut');
    await mac.macSim('boot');
    expect((await facts()).guests.witness).toBe(null);
  });

  it.each([[['--guests', '-1']], [['--guests', '2000']], [['--guests', '3', '--source', 'a\nb']], [[]]])(
    'refuses %j',
    async (args) => {
      expect((await agent('witness', ...args)).code).toBeGreaterThan(0);
      expect((await facts()).guests.witness).toBe(null);
    },
  );
});
