/** Goal: hdiutil, pkgutil and installer print what was captured, and a KDK lies where a Mac puts it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readKernelFile } from '../kernel/index.ts';
import { bootMac, cutPower } from '../power.ts';
import { capture, TestMac } from './harness.fixture.ts';
import { buildKdkImage, defaultVariants } from './kdk-image.ts';
import { addMount, removeMounts } from './mounts.ts';

// Each test makes a Mac of real files; a busy disk must not fail it.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let mac: TestMac;
beforeEach(() => {
  mac = new TestMac();
});
afterEach(() => mac.remove());

const attach = (image: string, ...more: string[]) =>
  mac.run('hdiutil', 'attach', '-nobrowse', '-readonly', ...more, image);
const KDK = 'Library/Developer/KDKs/KDK_14.5_23F79.kdk';

describe('KDK image', () => {
  it('has the same bytes every time, other bytes for another build, and a size worth resuming', () => {
    const image = buildKdkImage({ os: '14.5', build: '23F79' });
    expect(image.fileName).toBe('Kernel_Debug_Kit_14.5_build_23F79.dmg');
    expect(buildKdkImage({ os: '14.5', build: '23F79' }).sha256).toBe(image.sha256);
    expect(buildKdkImage({ os: '14.5', build: '23F80' }).sha256).not.toBe(image.sha256);
    expect(createHash('sha256').update(image.bytes).digest('hex')).toBe(image.sha256);
    expect(image.bytes.length).toBeGreaterThan(4_000_000);
    expect(image.bytes.toString('latin1', 0, 40)).toContain('simulated');
  });

  it('holds by default the variants that a KDK of that version is known to hold', () => {
    for (const [os, file] of [
      ['13.0', 'kernels-13.0-22A5266r'],
      ['15.1', 'kernels-15.1-24B82'],
    ] as const) {
      const known = [...capture(`kdk/${file}.txt`).matchAll(/^kernel\.development\.(\w+)$/gm)].map(
        ([, name = '']) => name,
      );
      expect(defaultVariants(os)).toEqual(known.map((name) => name.toUpperCase()).sort());
    }
  });
});

describe('hdiutil', () => {
  it('attaches with the captured property list and detaches with the captured text', async () => {
    const attached = await attach(mac.image(), '-plist');
    expect(attached).toEqual({
      status: 0,
      stderr: '',
      stdout: capture('hdiutil/attach-kdk.plist').replaceAll('disk3', 'disk4'),
    });
    const volume = join(mac.root, 'Volumes/Kernel Debug Kit');
    expect(readdirSync(volume)).toEqual(capture('kdk/dmg-content.txt').trim().split('\n'));
    const detached = await mac.run('hdiutil', 'detach', '/Volumes/Kernel Debug Kit');
    expect(detached).toEqual({
      status: 0,
      stderr: '',
      stdout: capture('hdiutil/detach.txt').replace('disk7', 'disk4'),
    });
    expect(existsSync(volume)).toBe(false);
  });

  it('mounts where it is told, prints that place with its links resolved, and removes only what it showed', async () => {
    const folder = join(mac.root, 'private/tmp/kdk');
    mkdirSync(folder);
    writeFileSync(join(folder, 'mine'), '');
    const { stdout } = await attach(mac.image(), '-mountpoint', '/tmp/kdk');
    expect(stdout).toMatch(/^\/dev\/disk4s2 +\tApple_HFS +\t\/private\/tmp\/kdk$/m);
    expect((await mac.run('hdiutil', 'info', '-plist')).stdout).toContain('<string>/private/tmp/kdk</string>');
    expect((await mac.run('hdiutil', 'detach', '/tmp/kdk')).status).toBe(0);
    expect(readdirSync(folder)).toEqual(['mine']);
    expect((await mac.run('hdiutil', 'info', '-plist')).stdout).not.toContain('/private/tmp');
  });

  it('does not recognize a cut or foreign image, and tells changed bytes', async () => {
    const image = mac.image();
    const path = join(mac.root, image);
    const whole = readFileSync(path);
    truncateSync(path, 100_000);
    const refused = { status: 1, stdout: '', stderr: capture('hdiutil/attach-not-recognized.stderr.txt') };
    expect(await attach(image)).toEqual(refused);
    writeFileSync(path, 'no image');
    expect(await attach(image)).toEqual(refused);
    whole[whole.length - 5_000] = (whole.at(-5_000) ?? 0) ^ 0xff;
    writeFileSync(path, whole);
    expect((await attach(image)).stderr).toContain('corrupt image');
    expect(await mac.run('hdiutil', 'detach', '/tmp')).toMatchObject({ status: 1, stdout: '' });
  });

  it('leaves a mount that can be detached when it is killed while it attaches', () => {
    const folder = join(mac.root, 'private/tmp/mnt');
    const shown = { path: 'shown', data: Buffer.from('x') };
    const cut = {
      path: 'cut',
      get data(): Buffer {
        throw new Error('killed');
      },
    };
    expect(() => addMount(mac.root, { image: '/kdk.dmg', folder, files: [shown, cut] })).toThrow('killed');
    expect(removeMounts(mac.root, () => true)).toHaveLength(1);
    expect(existsSync(folder)).toBe(false);
  });

  it('has nothing mounted after a power cut', async () => {
    await attach(mac.image(), '-mountpoint', '/tmp/old');
    cutPower(mac.root);
    bootMac(mac.root);
    expect((await mac.run('hdiutil', 'info', '-plist')).stdout).not.toContain('/tmp/old');
    expect((await attach(mac.image(), '-mountpoint', '/tmp/new')).stdout).toContain('/private/tmp/new');
    expect(existsSync(join(mac.root, 'tmp/old'))).toBe(false);
  });
});

describe('pkgutil --check-signature', () => {
  const check = async (signature: 'apple' | 'expired' | 'developer-id' | 'none') => {
    await attach(mac.image({ signature }), '-mountpoint', '/tmp/kdk');
    return mac.run('pkgutil', '--check-signature', '/tmp/kdk/KernelDebugKit.pkg');
  };
  const named = (text: string) => text.replace(/^Package ".*":/, 'Package "KernelDebugKit.pkg":');

  it.each([
    ['apple', 'check-signature-kdk-expected.txt', 0],
    ['developer-id', 'check-signature-developer-id.txt', 0],
    ['none', 'check-signature-none.txt', 1],
  ] as const)('prints the captured text of a package signed: %s', async (signature, file, status) => {
    expect(await check(signature)).toEqual({ status, stderr: '', stdout: named(capture(`pkgutil/${file}`)) });
  });

  it('keeps the Apple chain when the certificate has expired', async () => {
    const apple = capture('pkgutil/check-signature-kdk-expected.txt');
    expect((await check('expired')).stdout).toBe(
      apple.replace('signed Apple Software', 'signed by a certificate that has since expired'),
    );
  });
});

describe('pkgutil --expand', () => {
  it('lays out the parts of a package in a new folder, and never in one that is there', async () => {
    await attach(mac.image({ packageId: 'com.example.pkg' }), '-mountpoint', '/tmp/kdk');
    const expand = () => mac.run('pkgutil', '--expand', '/tmp/kdk/KernelDebugKit.pkg', '/tmp/parts');
    expect(await expand()).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(join(mac.root, 'tmp/parts')).sort()).toEqual(['Distribution', 'KDK.pkg']);
    expect(readFileSync(join(mac.root, 'tmp/parts/KDK.pkg/PackageInfo'), 'utf8')).toContain(
      ' identifier="com.example.pkg" ',
    );
    expect(await expand()).toMatchObject({ status: 1, stderr: expect.stringContaining('File exists') });
  });
});

describe('installer', () => {
  it('places the KDK and its receipt, with the captured text, whatever the signature', async () => {
    await attach(mac.image({ signature: 'none' }), '-mountpoint', '/tmp/kdk');
    const install = () => mac.run('installer', '-pkg', '/tmp/kdk/KernelDebugKit.pkg', '-target', '/');
    expect(await install()).toEqual({ status: 0, stderr: '', stdout: capture('installer/kdk-success.txt') });
    expect((await install()).stdout).toBe(capture('installer/upgrade.txt').replace('Python', 'Kernel Debug Kit'));
    expect(readdirSync(join(mac.root, KDK, 'System/Library/Kernels'))).toEqual([
      'kernel',
      'kernel.development',
      'kernel.development.t6020',
      'kernel.release.t6020',
    ]);
    expect(readKernelFile(join(mac.root, KDK, 'System/Library/Kernels/kernel.development.t6020'))).toMatchObject({
      hasQuotaSupport: true,
      versionText: expect.stringMatching(/^Darwin Kernel Version 23\.5\.0: .*\/DEVELOPMENT_ARM64_T6020$/),
    });
    expect((await mac.run('pkgutil', '--pkgs')).stdout).toBe('com.apple.pkg.KDK.23F79\n');
    expect((await mac.run('pkgutil', '--files', 'com.apple.pkg.KDK.23F79')).stdout).toContain('kernel.release.t6020\n');
    expect((await mac.run('pkgutil', '--pkg-info', 'com.apple.pkg.KDK.23F79')).stdout).toMatch(
      /^location: Library\/Developer/m,
    );
  });

  it('forgets a receipt, and then knows none', async () => {
    await mac.installKdk({ build: '25G83', os: '26.6.2' });
    expect((await mac.run('pkgutil', '--forget', 'com.apple.pkg.KDK.25G83')).status).toBe(0);
    expect(await mac.run('pkgutil', '--pkg-info', 'com.apple.pkg.KDK.25G83')).toEqual({
      status: 1,
      stdout: '',
      stderr: capture('pkgutil/receipt-missing.stderr.txt'),
    });
  });

  it('places the version file of the build, in the captured form', async () => {
    await mac.installKdk();
    const keys = (text: string) => [...text.matchAll(/<key>(\w+)<\/key>/g)].map(([, key]) => key);
    const text = readFileSync(join(mac.root, KDK, 'System/Library/CoreServices/SystemVersion.plist'), 'utf8');
    expect(keys(text)).toEqual(keys(capture('kdk/systemversion-14.0-23A5301h.plist')));
    expect(text).toContain('<string>23F79</string>');
    expect(statSync(join(mac.root, KDK)).isDirectory()).toBe(true);
  });

  it('is undone by the uninstall.tool of the image, which works on a simulated Mac only', async () => {
    await mac.installKdk();
    await attach(mac.image());
    const tool = join(mac.root, 'Volumes/Kernel Debug Kit/uninstall.tool');
    const stray = join(mac.root, '../uninstall.tool');
    copyFileSync(tool, stray);
    expect(spawnSync('/bin/sh', [stray], { encoding: 'utf8' })).toMatchObject({
      status: 1,
      stderr: 'uninstall.tool: not on a simulated Mac\n',
    });
    expect(existsSync(join(mac.root, KDK))).toBe(true);
    expect(spawnSync('/bin/sh', [tool]).status).toBe(0);
    expect(existsSync(join(mac.root, KDK))).toBe(false);
    expect((await mac.run('pkgutil', '--pkgs')).stdout).toBe('');
  });

  it('refuses what is no package', async () => {
    writeFileSync(join(mac.root, 'Users/Shared/x.pkg'), 'x');
    expect((await mac.run('installer', '-pkg', '/Users/Shared/x.pkg', '-target', '/')).status).toBe(1);
  });
});
