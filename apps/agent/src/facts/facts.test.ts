import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { identify } from './collection-identity.ts';
import { derivedQuota } from './guest-facts.ts';
import { readKdks } from './kdks.ts';
import { createLimit } from './limit.ts';
import { parseReceipt } from './visit-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-facts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const KERNEL = 'A1'.repeat(48);

describe('derivedQuota', () => {
  it.each([
    ['release', 'hypervisor=0x1 hv_apple_isa_vm_quota=0xFF', 2],
    ['development', '', 2],
    ['development', 'hypervisor=0x1 hv_apple_isa_vm_quota=0xFF', 255],
    ['development', 'hv_apple_isa_vm_quota=0xFF', 2],
    ['development', 'hypervisor=0x1 hv_apple_isa_vm_quota=010', null],
    ['development', 'hypervisor hv_apple_isa_vm_quota=5', null],
    ['development', 'hypervisor=0 hv_apple_isa_vm_quota=5', 2],
    ['development', null, null],
    ['kasan', 'hypervisor=0x1 hv_apple_isa_vm_quota=0xFF', null],
    ['other', '-v', 2],
    [null, '', null],
  ] as const)('%s kernel, %s', (config, bootArgs, quota) => {
    const reading = derivedQuota(config, bootArgs);
    expect(reading.ok ? reading.value : null).toBe(quota);
  });
});

describe('readKdks', () => {
  const kdks = join(folder, 'Library/Developer/KDKs');
  const layOut = (name: string, kernels: Readonly<Record<string, string>>, build: string | null): void => {
    const root = join(kdks, name, 'System/Library');
    mkdirSync(join(root, 'Kernels'), { recursive: true });
    mkdirSync(join(root, 'CoreServices'), { recursive: true });
    for (const [file, content] of Object.entries(kernels)) writeFileSync(join(root, 'Kernels', file), content);
    const plist = `<plist version="1.0"><dict><key>ProductBuildVersion</key><string>${build}</string></dict></plist>`;
    if (build !== null) writeFileSync(join(root, 'CoreServices/SystemVersion.plist'), plist);
  };

  it('tells whole ones from husks', async () => {
    layOut('KDK_14.5_23F79.kdk', { 'kernel.development.t6020': 'x', 'kernel.development': 'intel' }, '23F79');
    layOut('KDK_14.6_23G80.kdk', { 'kernel.development.t6020': '', 'kernel.development.t8103': 'x' }, '23G80');
    layOut('KDK_15.0_24A335.kdk', { 'kernel.development.t6020': 'x' }, null);
    layOut('KDK_15.1_24B82.kdk', { 'kernel.development.t6020': 'x' }, '24B83');
    layOut('KDK_15.2_24C101.kdk', {}, '24C101');
    mkdirSync(join(kdks, 'KDK_14.5_23F79.pkg'));
    const found = await readKdks({ sysroot: folder });
    const rows = found.ok
      ? found.value.map(({ build, complete, variants, reason }) => [build, complete, variants.join(), reason])
      : found;
    expect(rows).toEqual([
      ['23F79', true, 'T6020', null],
      ['23G80', false, 'T8103', 'kernel files are empty: T6020'],
      ['24A335', false, 'T6020', 'its SystemVersion.plist is missing or names no build'],
      ['24B82', false, 'T6020', 'its SystemVersion.plist names build 24B83, its folder 24B82'],
      ['24C101', false, '', 'it holds no development kernel for Apple silicon'],
    ]);
  });
});

describe('identify', () => {
  it('reads a file again only when it changed', async () => {
    const file = join(folder, 'a.kc');
    writeFileSync(file, 'one');
    const first = await identify(file);
    expect(await identify(file)).toBe(first);
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'two');
    utimesSync(file, atime, mtime);
    const second = await identify(file);
    expect([second.sha256 === first.sha256, second.md5 === first.md5]).toEqual([false, false]);
  });
});

describe('createLimit', () => {
  it('runs so many at once and no more, and goes on after a failure', async () => {
    const limit = createLimit(2);
    let running = 0;
    let most = 0;
    const task = async (fails: boolean) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 5));
      running--;
      if (fails) throw new Error('failed');
      return 'done';
    };
    const results = await Promise.allSettled(
      [true, false, true, false, false].map((fails) => limit(() => task(fails))),
    );
    expect(most).toBe(2);
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

describe('parseReceipt', () => {
  it('refuses one that was cut, and keeps to numbers for exit statuses', () => {
    expect(parseReceipt('headroom-receipt=1\nvisit=V\nnonce=a')).toMatchObject({ ok: false });
    const receipt = parseReceipt(
      'headroom-receipt=1\r\nvisit=V\r\nstep-csrutil=0; rm\r\nstep-nvram=1\r\ncoih=zz\r\noutcome=done\r\n',
    );
    expect(receipt).toMatchObject({ ok: true, value: { steps: { nvram: 1 }, customKernel: null, outcome: 'done' } });
  });

  it.each([
    ['0', KERNEL],
    ['skipped', KERNEL],
    ['unproven', null],
    ['1', null],
    ['', null],
  ])('believes the custom kernel of a receipt with configure-boot %j: %s', (status, customKernel) => {
    const text = `headroom-receipt=1\nvisit=V\nstep-configure-boot=${status}\ncoih=${KERNEL}\noutcome=done\n`;
    expect(parseReceipt(text)).toMatchObject({ ok: true, value: { customKernel } });
  });
});
