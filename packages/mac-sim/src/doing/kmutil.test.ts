/** Goal: kmutil lists, builds and refuses as captured, from what really lies on the simulated Mac. */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readKernelCollection } from '../kernel/index.ts';
import { restartMac } from '../power.ts';
import { installCustomObject } from '../recovery/custom-object.ts';
import { updateState } from '../state.ts';
import { capture, TestMac } from './harness.fixture.ts';

// Each test makes a Mac of real files; a busy disk must not fail it.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let mac: TestMac;
beforeEach(async () => {
  mac = new TestMac();
  await mac.installKdk();
});
afterEach(() => mac.remove());

const KDK = '/Library/Developer/KDKs/KDK_14.5_23F79.kdk';
const OUT = '/Users/Shared/VirtualMachine.kc';
const NO_VARIANT = capture('kmutil/no-variant.stderr.txt');

interface Wanted {
  kdk?: string;
  kernel?: string;
  out?: string;
  bundles?: string[];
  more?: string[];
}

/** The rows that the documented pipeline keeps. */
async function releaseBundles(): Promise<string[]> {
  const { stdout } = await mac.run('kmutil', 'inspect', '-V', 'release', '--no-header');
  const rows = stdout.split('\n').filter((row) => row.startsWith('com.apple.') && !row.includes('SEPHiber'));
  return rows.map((row) => row.split('\t')[0] ?? '');
}

async function create({ kdk = KDK, kernel = 'kernel.development.t6020', out = OUT, bundles, more = [] }: Wanted = {}) {
  const ids = bundles ?? (await releaseBundles());
  return mac.run(
    ...(['kmutil', 'create', '--arch', 'arm64e', '--no-authorization', '--variant-suffix', 'development'] as const),
    ...['--new', 'boot', '--boot-path', out, '--kernel', `${kdk}/System/Library/Kernels/${kernel}`],
    ...['--repository', `${kdk}/System/Library/Extensions`, '--repository', '/System/Library/Extensions'],
    ...[
      '--repository',
      '/System/Library/DriverExtensions',
      '--explicit-only',
      ...ids.flatMap((id) => ['-b', id]),
      ...more,
    ],
  );
}

describe('kmutil inspect', () => {
  it('prints rows of the captured form, with Apple, SEPHiber and third-party ones', async () => {
    const { stdout, stderr, status } = await mac.run('kmutil', 'inspect', '--no-header');
    const form = /^[\w.]+\t[\w.]+\t\/[\w./]+\.kext$/;
    for (const row of capture('kmutil/inspect-no-header-26.6.txt').trim().split('\n')) expect(row).toMatch(form);
    const rows = stdout.trim().split('\n');
    for (const row of rows) expect(row).toMatch(form);
    expect(rows.filter((row) => row.startsWith('com.apple.')).length).toBeGreaterThan(50);
    expect(rows.filter((row) => row.includes('SEPHiber'))).toHaveLength(2);
    expect(rows.filter((row) => !row.startsWith('com.apple.'))).toHaveLength(1);
    for (const row of rows) expect(existsSync(join(mac.root, row.split('\t')[2] ?? '')), row).toBe(true);
    expect({ stderr, status }).toEqual({ stderr: NO_VARIANT, status: 0 });
  });
});

describe('kmutil create', () => {
  it('writes a collection of the kernel and every bundle named, with the captured text', async () => {
    expect(await create()).toEqual({ status: 0, stdout: capture('kmutil/create-success-tail.txt'), stderr: '' });
    const info = readKernelCollection(join(mac.root, OUT));
    const withCode = (await releaseBundles()).filter((id) => !id.startsWith('com.apple.kpi.'));
    expect(info.entries.map(({ id }) => id)).toEqual(['com.apple.kernel', ...withCode.sort()]);
    expect(info.kernelVersionText).toMatch(/DEVELOPMENT_ARM64_T6020$/);
    await create({ out: '/Users/Shared/again.kc' });
    expect(readKernelCollection(join(mac.root, 'Users/Shared/again.kc')).uuid).toBe(info.uuid);
  });

  it('appends the variant on systems that do, unless told not to', async () => {
    updateState(mac.root, (draft) => {
      draft.behaviour.kmutilAppendsSuffix = true;
    });
    await create();
    const made = () => readdirSync(join(mac.root, 'Users/Shared')).filter((name) => name.startsWith('VirtualMachine'));
    expect(made()).toEqual([capture('kmutil/kc-output-names.txt').trim()]);
    await create({ more: ['--no-variant-extension'] });
    expect(made().sort()).toEqual(['VirtualMachine.kc', 'VirtualMachine.kc.development']);
  });

  it('refuses without a KDK of the booted build', async () => {
    rmSync(join(mac.root, KDK), { recursive: true });
    await mac.installKdk({ os: '14.6.1', build: '23G93' });
    const refused = {
      status: 1,
      stdout: '',
      stderr: capture('kmutil/create-err-missing-kdk-34.stderr.txt').replaceAll('22E252', '23F79'),
    };
    expect(await create({ kdk: '/Library/Developer/KDKs/KDK_14.6.1_23G93.kdk' })).toEqual(refused);
    expect(existsSync(join(mac.root, OUT))).toBe(false);
  });

  it('refuses the kernel and the bundles of another build, even with the right KDK beside them', async () => {
    await mac.installKdk({ os: '14.6.1', build: '23G93' });
    const other = '/Library/Developer/KDKs/KDK_14.6.1_23G93.kdk';
    expect(await create({ kdk: other })).toEqual({
      status: 1,
      stdout: '',
      stderr: capture('kmutil/create-err-linking.stderr.txt'),
    });
    const { stderr } = await create({
      kdk: other,
      kernel: `../../../../${KDK.split('/').at(-1)}/System/Library/Kernels/kernel.development.t6020`,
    });
    expect(stderr).toContain('could not find a kext which exports this symbol');
  });

  it('refuses a kernel that is not there, is Intel, or was emptied by an update', async () => {
    expect((await create({ kernel: 'kernel.development.t8112' })).stderr).toBe(
      capture('kmutil/create-err-invalid-kernel-path.stderr.txt'),
    );
    expect((await create({ kernel: 'kernel.development' })).stderr).toContain('kernel mach-o not found');
    writeFileSync(join(mac.root, KDK, 'System/Library/Kernels/kernel.development.t6020'), '');
    expect((await create()).stderr).toContain('kernel mach-o not found');
  });

  it('refuses bundles that are unknown or depend on what is not named', async () => {
    const refused = async (...bundles: string[]) => (await create({ bundles })).stderr;
    const captured = capture('kmutil/create-err-dependency.stderr.txt');
    const asCaptured = (id: string, missing: string) =>
      captured.replaceAll('com.apple.driver.AppleRTC', id).replaceAll('com.apple.iokit.IOACPIFamily', missing);
    expect(await refused('com.apple.driver.AppleDCP')).toBe(
      asCaptured('com.apple.driver.AppleDCP', 'com.apple.iokit.IOMobileGraphicsFamily'),
    );
    expect(await refused('com.apple.driver.AppleSEPHiberProxy')).toBe(
      asCaptured('com.apple.driver.AppleSEPHiberProxy', 'com.apple.driver.AppleSEPHiberSupport'),
    );
    expect(await refused('com.example.filter.PacketFilter')).toContain(
      "'com.example.filter.PacketFilter' was not found",
    );
  });

  it('refuses to write to the sealed system and to a folder that is not there', async () => {
    const refused = async (out: string) => (await create({ out })).stderr;
    expect(await refused('/System/Library/x.kc')).toBe(capture('kmutil/create-err-read-only.stderr.txt'));
    expect(await refused('/x.kc')).toBe(capture('kmutil/create-err-read-only.stderr.txt'));
    expect(await refused('/Users/Shared/none/x.kc')).toContain('No such file or directory: /Users/Shared/none');
  });

  it('takes only the arguments of the manual page', async () => {
    for (const flag of capture('kmutil/flags-create.txt').matchAll(
      /--(no-authorization|force|no-variant-extension)/g,
    )) {
      expect((await create({ more: [flag[0]] })).status).toBe(0);
    }
    expect(await create({ more: ['--kernel-path', 'x'] })).toMatchObject({
      status: 64,
      stderr: expect.stringContaining("Unknown option '--kernel-path'"),
    });
    expect((await create({ more: ['--build'] })).stderr).toContain("Missing value for '--build'");
    expect((await mac.run('kmutil', 'create', '--arch', 'arm64e')).status).toBe(64);
  });
});

describe('what kmutil builds', () => {
  it('boots once it is the custom kernel object, and is then what the system calls its collection', async () => {
    await create();
    const { uuid, kernelUuid } = readKernelCollection(join(mac.root, OUT));
    installCustomObject(mac.root, join(mac.root, OUT));
    expect(restartMac(mac.root).boot).toMatchObject({
      kernel: 'development',
      filesetUuid: uuid,
      kernelUuid,
      honoursQuota: true,
    });
  });

  it('does not honour the quota when the KDK dropped the argument', async () => {
    await mac.installKdk({ quotaSupport: false });
    await create();
    installCustomObject(mac.root, join(mac.root, OUT));
    expect(restartMac(mac.root).boot).toMatchObject({ kernel: 'development', honoursQuota: false });
  });
});

describe('kmutil configure-boot', () => {
  it('must be run from recoveryOS', async () => {
    expect(await mac.run('kmutil', 'configure-boot', '-v', '/', '-c', OUT)).toEqual({
      status: 1,
      stdout: '',
      stderr: capture('kmutil/configure-boot-from-macos.stderr.txt'),
    });
  });
});
