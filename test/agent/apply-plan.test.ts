/** The agent raises a simulated Mac as far as macOS allows, from a plan in a file, with no controller; and refuses what it must. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KcResult } from '@headroom/core';
import { type KdkOptions, loadState } from '@headroom/mac-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootArgsFor, SimulatedMac } from './simulated-mac.ts';

const KIT_SOURCE = fileURLToPath(new URL('../../apps/agent/kit', import.meta.url));

describe('apply-plan', () => {
  let mac: SimulatedMac;
  beforeAll(() => {
    mac = new SimulatedMac().start();
  });
  afterAll(() => mac.remove());

  it.each([
    ['no grant', 'GRANT_MISSING', () => null],
    ['an expired grant', 'GRANT_EXPIRED', () => mac.grant({ expiresAt: new Date(Date.now() - 1000).toISOString() })],
    [
      'a grant not valid yet',
      'GRANT_NOT_YET_VALID',
      () => mac.grant({ notBefore: new Date(Date.now() + 60_000).toISOString() }),
    ],
    [
      "another Mac's grant",
      'GRANT_OTHER_HOST',
      () => mac.grant({ hostUuids: ['00000000-0000-4000-8000-000000000000'] }),
    ],
    ["another fleet's grant", 'GRANT_OTHER_FLEET', () => mac.grant({ fleetId: 'fleet-2' })],
    ['a lower quota in the grant', 'GRANT_QUOTA_EXCEEDED', () => mac.grant({ quotaMax: 15 })],
    ['a grant for real Macs', 'GRANT_SIMULATION_MISMATCH', () => mac.grant({ simulation: false })],
    ['a tampered grant', 'GRANT_SIGNATURE_WRONG', () => tampered(mac.grant({ quotaMax: 15 }))],
  ])('refuses to place the kit with %s', async (_name, code, grant) => {
    const [, , placeKit] = mac.raiseSteps();
    if (placeKit === undefined) throw new Error('no step');
    const result = await mac.apply(mac.plan([placeKit], { grant: grant() }));
    expect(result.stdout).toMatch(new RegExp(`place_kit: refused ${code}`));
    expect(result.code).toBe(1);
    expect(mac.list('/Library/Headroom')).toEqual([]);
  });

  it.each([
    ['a forbidden word', 'amfi_get_out_of_my_way=1', 'GRANT_ARGS_EXCEEDED', []],
    [
      'a forbidden word that the grant names',
      'amfi_get_out_of_my_way=1',
      'GRANT_ARGS_EXCEEDED',
      ['amfi_get_out_of_my_way=1'],
    ],
    ['a higher quota in a second word', 'hv_apple_isa_vm_quota=0xFF', 'BOOT_ARGS_NOT_ALLOWED', []],
  ])('refuses boot arguments with %s', async (_name, word, code, extraArgs) => {
    const plan = mac.plan([{ kind: 'set_boot_args', quota: 16, bootArgs: `${bootArgsFor(16)} ${word}` }], {
      grant: mac.grant({ extraArgs }),
    });
    expect((await mac.apply(plan)).stdout).toMatch(new RegExp(`set_boot_args: refused ${code}`));
  });

  it("refuses another Mac's plan and an older generation", async () => {
    const steps = [{ kind: 'collect_facts' }] as const;
    const other = await mac.apply(mac.plan(steps, { hostUuid: '00000000-0000-4000-8000-000000000000' }));
    expect(other.stdout).toMatch(/refused PLAN_OTHER_HOST/);
    expect((await mac.apply(mac.plan(steps, { generation: 7 }))).code).toBe(0);
    expect((await mac.apply(mac.plan(steps, { generation: 6 }))).stdout).toMatch(/refused PLAN_OLD_GENERATION/);
  });

  it('says that a system with SIP on refuses boot arguments', async () => {
    const plan = mac.plan([{ kind: 'set_boot_args', quota: 16, bootArgs: bootArgsFor(16) }]);
    expect((await mac.apply(plan)).stdout).toMatch(/set_boot_args: failed BOOT_ARGS_NOT_WRITTEN/);
  });

  it('installs the KDK, builds the kernel collection and places the kit', async () => {
    const { code, stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
    expect(stdout).toMatch(/step 3 of 3 place_kit: succeeded/);
    expect(code).toBe(0);
    expect(mac.list('/var/db/headroom/kc')).toEqual(['23F79-T6020.kc', '23F79-T6020.kc.json']);
    expect(mac.list('/var/db/headroom/kdk')).toEqual([]);
    expect(mac.list('/var/db/headroom/mnt')).toEqual([]);
    expect(mac.list('/var/db/headroom/journal')).toEqual([]);
    const kit = ['BREAK-GLASS.txt', 'KernelCollection.kc', 'check', 'manifest', 'raise', 'revert'];
    expect(mac.list('/Library/Headroom')).toEqual(kit);
    const kc = readFileSync(join(mac.sysroot, 'Library/Headroom/KernelCollection.kc'));
    const md5 = createHash('md5').update(kc).digest('hex');
    const result = JSON.parse(/build_kc: succeeded (.*)/.exec(stdout)?.[1] ?? '') as KcResult;
    expect(result.md5).toBe(md5);
    expect(result.kernelVersionText).toMatch(/DEVELOPMENT_ARM64_T6020$/);
    const manifest = mac.read('/Library/Headroom/manifest').split('\n');
    expect(manifest).toContain(`kc-md5=${md5}`);
    expect(manifest).toContain(`kc-uuid=${result.uuid}`);
    expect(manifest).toContain(`host-uuid=${mac.hostUuid}`);
    expect(manifest).toContain(`boot-args=${bootArgsFor(16)}`);
    expect(manifest).toContain(`system-uuid=${loadState(mac.sysroot).volumes.systemUuid}`);
    for (const script of ['raise', 'check', 'revert'])
      expect(mac.read(`/Library/Headroom/${script}`)).toBe(readFileSync(join(KIT_SOURCE, 'raise'), 'utf8'));
  });

  it('lays the break-glass page of this Mac beside the kit, and tells the md5 of what a person will run', async () => {
    const { stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
    const page = mac.read('/Library/Headroom/BREAK-GLASS.txt');
    const group = /^group-uuid=(.+)$/m.exec(mac.read('/Library/Headroom/manifest'))?.[1];
    expect(page).toContain(mac.hostUuid);
    expect(page).toContain(`bputil -g -v ${group}\n`);
    const { scriptMd5 } = JSON.parse(/place_kit: succeeded (.*)/.exec(stdout)?.[1] ?? '') as { scriptMd5: string };
    expect(scriptMd5).toBe(createHash('md5').update(mac.read('/Library/Headroom/raise')).digest('hex'));
    writeFileSync(join(mac.sysroot, 'Library/Headroom/BREAK-GLASS.txt'), 'the page of another Mac');
    await mac.apply(mac.plan(mac.raiseSteps()));
    expect(mac.read('/Library/Headroom/BREAK-GLASS.txt')).toBe(page);
  });

  it.each([
    ['a note beside the kernel collection that was cut', '/var/db/headroom/kc/23F79-T6020.kc.json'],
    ['a kernel collection that was cut', '/var/db/headroom/kc/23F79-T6020.kc'],
    ['a manifest that was cut', '/Library/Headroom/manifest'],
    ['a script that was cut', '/Library/Headroom/raise'],
  ])('puts %s right', async (_what, path) => {
    const file = join(mac.sysroot, path);
    truncateSync(file, Math.floor(statSync(file).size / 2));
    const { code, stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
    expect(code, stdout).toBe(0);
    expect(mac.list('/var/db/headroom/kc')).toEqual(['23F79-T6020.kc', '23F79-T6020.kc.json']);
  });

  it.each([
    ['place_kit', 'without the kernel collection that it places', 'var/db/headroom/kc'],
    ['build_kc', 'without the KDK that it builds from', 'Library/Developer/KDKs'],
    [
      'build_kc',
      'with a KDK whose kernels are gone',
      'Library/Developer/KDKs/KDK_14.5_23F79.kdk/System/Library/Kernels',
    ],
  ])('refuses %s %s, so that the next plan brings it first', async (kind, _what, folder) => {
    rmSync(join(mac.sysroot, 'var/db/headroom/kc'), { recursive: true });
    rmSync(join(mac.sysroot, folder), { recursive: true, force: true });
    const step = mac.raiseSteps().filter((one) => one.kind === kind);
    expect((await mac.apply(mac.plan(step))).stdout).toMatch(new RegExp(`${kind}: refused PLAN_OUTDATED`));
    expect((await mac.apply(mac.plan(mac.raiseSteps()))).code).toBe(0);
  });

  it('names a KDK whose kernel is damaged: no next plan would install it again', async () => {
    rmSync(join(mac.sysroot, 'var/db/headroom/kc'), { recursive: true });
    const kernels = 'Library/Developer/KDKs/KDK_14.5_23F79.kdk/System/Library/Kernels';
    truncateSync(join(mac.sysroot, kernels, 'kernel.development.t6020'), 10);
    const step = mac.raiseSteps().filter(({ kind }) => kind === 'build_kc');
    expect((await mac.apply(mac.plan(step))).stdout).toMatch(/build_kc: failed KDK_HUSK/);
    // install_kdk looks closer than facts do.
    expect((await mac.apply(mac.plan(mac.raiseSteps()))).code).toBe(0);
  });

  it('finds everything done the second time, and changes nothing', async () => {
    const plan = mac.plan(mac.raiseSteps());
    await mac.apply(plan);
    const { code, stdout } = await mac.apply(plan);
    expect(stdout).toMatch(/step 3 of 3 place_kit: succeeded/);
    expect(stdout).not.toMatch(/acting/);
    expect(code).toBe(0);
  });
});

describe('apply-plan with a KDK that must not be used', () => {
  it.each<[what: string, kdk: Partial<KdkOptions>, code: string]>([
    ['signed by a developer', { signature: 'developer-id' }, 'KDK_NOT_APPLE_SIGNED'],
    ['not signed', { signature: 'none' }, 'KDK_NOT_APPLE_SIGNED'],
    ['of another build', { packageId: 'com.apple.pkg.KDK.23F80' }, 'KDK_WRONG_PACKAGE'],
    ['that is another package', { packageId: 'com.example.pkg' }, 'KDK_WRONG_PACKAGE'],
    ['without the quota', { quotaSupport: false }, 'KDK_WITHOUT_QUOTA_SUPPORT'],
    ['without this chip', { variants: ['T8112'] }, 'KDK_VARIANT_MISSING'],
  ])('refuses one %s and leaves no image attached', async (_name, options, code) => {
    const mac = new SimulatedMac().start(options);
    try {
      const { stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
      expect(stdout).toMatch(new RegExp(`install_kdk: failed ${code}`));
      expect(mac.list('/var/db/headroom/mnt')).toEqual([]);
      expect(stdout.includes('installing KernelDebugKit.pkg')).toBe(code === 'KDK_WITHOUT_QUOTA_SUPPORT');
      for (const folder of ['/Library/Developer/KDKs', '/var/db/headroom/kdk', '/var/db/receipts'])
        expect(mac.list(folder), 'nothing of it stays').toEqual([]);
      expect(mac.list('/var/db/headroom')).not.toContain('installed-kdks.json');
    } finally {
      mac.remove();
    }
  });

  it('leaves the one of somebody else where it is, and fetches nothing', async () => {
    const mac = new SimulatedMac().start({ quotaSupport: false });
    try {
      await mac.apply(mac.plan(mac.raiseSteps()));
      mac.installByHand();
      const before = mac.list('/Library/Developer/KDKs');
      const { stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
      expect(stdout).toMatch(
        /install_kdk: failed KDK_WITHOUT_QUOTA_SUPPORT[\s\S]*Looked for the text hv_apple_isa_vm_quota in/,
      );
      expect(stdout).not.toContain('checking the signature');
      expect(mac.list('/Library/Developer/KDKs')).toEqual(before);
      expect(before).toHaveLength(1);
    } finally {
      mac.remove();
    }
  });

  it('refuses an image with other bytes than the plan names', async () => {
    const mac = new SimulatedMac().start();
    try {
      mac.kdk = { ...mac.kdk, sha256: 'b'.repeat(64) };
      const { stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
      expect(stdout).toMatch(/install_kdk: failed KDK_SHA256_MISMATCH/);
      expect(mac.list('/Library/Developer/KDKs')).toEqual([]);
    } finally {
      mac.remove();
    }
  });
});

function tampered(grant: ReturnType<SimulatedMac['grant']>): ReturnType<SimulatedMac['grant']> {
  return grant === null ? null : { ...grant, payload: grant.payload.replace('"quotaMax":15', '"quotaMax":64') };
}
