/** Goal: the programs work as processes, and a kill in the middle of an install leaves a husk without a receipt. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { capture, TestMac } from './harness.fixture.ts';
import { writePace } from './pace.ts';

// Each test makes a Mac of real files; a busy disk must not fail it.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let mac: TestMac;
let entry: string;
beforeAll(async () => {
  mac = new TestMac();
  entry = join(mac.root, '..', 'main.mjs');
  const source = fileURLToPath(new URL('./main.ts', import.meta.url));
  await build({ entryPoints: [source], bundle: true, platform: 'node', format: 'esm', outfile: entry });
});
afterAll(() => mac.remove());

describe('main', () => {
  it('prints on the right stream and exits with the status of the tool', async () => {
    const failed = await promisify(execFile)(process.execPath, [entry, 'kmutil', mac.root, 'configure-boot']).catch(
      (error) => error,
    );
    expect(failed).toMatchObject({
      code: 1,
      stdout: '',
      stderr: capture('kmutil/configure-boot-from-macos.stderr.txt'),
    });
  });

  it('refuses a folder that is no simulated Mac', async () => {
    const failed = await promisify(execFile)(process.execPath, [entry, 'pkgutil', '/', '--pkgs']).catch(
      (error) => error,
    );
    expect(failed).toMatchObject({ code: 70, stderr: expect.stringContaining('not a simulated Mac') });
  });

  it('leaves a husk when an install is killed', async () => {
    await mac.run('hdiutil', 'attach', '-mountpoint', '/tmp/kdk', mac.image());
    writePace(mac.root, { installerMs: 5_000 });
    const kdk = join(mac.root, 'Library/Developer/KDKs/KDK_14.5_23F79.kdk/System/Library');
    const child = spawn(process.execPath, [
      entry,
      'installer',
      mac.root,
      '-pkg',
      '/tmp/kdk/KernelDebugKit.pkg',
      '-target',
      '/',
    ]);
    for (let tries = 0; tries < 1000 && !existsSync(join(kdk, 'Extensions')); tries += 1) await sleep(10);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(kdk, 'CoreServices/SystemVersion.plist'))).toBe(true);
    expect(existsSync(join(kdk, 'Kernels/kernel.development.t6020'))).toBe(false);
    expect((await mac.run('pkgutil', '--pkgs')).stdout).toBe('');
  });
});
