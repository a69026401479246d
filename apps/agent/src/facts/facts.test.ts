import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { identify } from './collection-identity.ts';
import { derivedQuota } from './guest-facts.ts';
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
