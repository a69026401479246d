/** The steps of the way back on a simulated Mac: nothing goes before stock is proven, and then all that Headroom put there, and no more. */
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanStep } from '@headroom/core';
import { type SimState, updateState } from '@headroom/mac-sim';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bootArgsFor, SimulatedMac } from './simulated-mac.ts';

const KDKS = '/Library/Developer/KDKs';
const KDK = 'KDK_14.5_23F79.kdk';
const HOME = '/var/db/headroom';
const REMOVAL: readonly PlanStep[] = [{ kind: 'remove_kit' }, { kind: 'remove_kc' }, { kind: 'remove_kdk' }];
const LOWERED = { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true };
const STOCK = { smb0: false, smb1: false, sip0: null, sip2: false, sip3: false, coih: null };

/** KDK installed, kernel collection built, kit placed; each test gets a copy of its own. */
let prepared: SimulatedMac;
let mac: SimulatedMac;
beforeAll(async () => {
  prepared = new SimulatedMac().start();
  mac = prepared;
  await prepare();
}, 60_000);
beforeEach(() => {
  mac = prepared.copy();
});
afterEach(() => mac.remove());
afterAll(() => prepared.remove());

const policy = (changes: Partial<SimState['policy']>): unknown =>
  updateState(mac.sysroot, (draft) => void Object.assign(draft.policy, changes));
const run = async (steps: readonly PlanStep[]) => (await mac.apply(mac.plan(steps, { grant: null, quota: 2 }))).stdout;
const stored = (): string => spawnSync(join(mac.sysroot, 'usr/sbin/nvram'), ['boot-args']).stdout.toString().trim();

async function prepare(): Promise<void> {
  const { stdout } = await mac.apply(mac.plan(mac.raiseSteps()));
  expect(stdout).toMatch(/step 3 of 3 place_kit: succeeded/);
}

describe('the way back', { timeout: 120_000 }, () => {
  it('puts the boot arguments back to what they were, without a grant', async () => {
    policy(LOWERED);
    const line = bootArgsFor(16);
    await mac.apply(mac.plan([{ kind: 'set_boot_args', quota: 16, bootArgs: line }]));
    expect(stored()).toBe(`boot-args\t${line}`);
    expect(await run([{ kind: 'clear_boot_args' }])).toMatch(/clear_boot_args: succeeded {"stored":null}/);
    expect(stored()).toBe('');
    expect(await run([{ kind: 'clear_boot_args' }]), 'again').toMatch(/clear_boot_args: succeeded {"stored":null}/);
  });

  it.each(['remove_kit', 'remove_kc', 'remove_kdk'] as const)('refuses %s while the Mac is not stock', async (kind) => {
    policy(LOWERED);
    const before = [mac.list('/Library/Headroom'), mac.list(`${HOME}/kc`), mac.list(KDKS)];
    expect(await run([{ kind }])).toMatch(new RegExp(`${kind}: refused PLAN_OUTDATED`));
    expect([mac.list('/Library/Headroom'), mac.list(`${HOME}/kc`), mac.list(KDKS)]).toEqual(before);
  });

  it('takes raise off a Mac that is not stock, leaves all that leads back, and places it anew under a grant', async () => {
    policy(LOWERED);
    const whole = mac.list('/Library/Headroom');
    expect(await run([{ kind: 'disarm_kit' }])).toMatch(/disarm_kit: succeeded/);
    const left = ['BREAK-GLASS.txt', 'check', 'manifest', 'revert'];
    expect(mac.list('/Library/Headroom')).toEqual(left);
    expect(whole).toEqual([...left, 'KernelCollection.kc', 'raise'].sort());
    const again = await run([{ kind: 'disarm_kit' }]);
    expect(again).toMatch(/disarm_kit: succeeded/);
    expect(again).not.toMatch(/acting/);
    expect((await mac.apply(mac.plan(mac.raiseSteps().slice(2)))).stdout).toMatch(/place_kit: succeeded/);
    expect(mac.list('/Library/Headroom')).toEqual(whole);
  });

  it('removes kit, kernel collection and KDK with its receipt once it is stock, and can do so again', async () => {
    policy(STOCK);
    expect(await run(REMOVAL)).toMatch(/step 3 of 3 remove_kdk: succeeded/);
    expect([mac.list('/Library/Headroom'), mac.list(`${HOME}/kc`), mac.list(KDKS)]).toEqual([[], [], []]);
    const packages = spawnSync(join(mac.sysroot, 'usr/sbin/pkgutil'), ['--pkgs']).stdout.toString();
    expect(packages).not.toMatch(/KDK/);
    const again = await run(REMOVAL);
    expect(again).toMatch(/step 3 of 3 remove_kdk: succeeded/);
    expect(again).not.toMatch(/acting/);
    await prepare();
  });

  it('leaves a KDK that somebody else installed', async () => {
    expect(mac.list(KDKS)).toEqual([KDK]);
    writeFileSync(join(mac.sysroot, HOME, 'installed-kdks.json'), '{"builds":[]}');
    await run(REMOVAL);
    expect(mac.list(KDKS)).toEqual([KDK]);
  });

  it('refuses a kit folder that is not ours', async () => {
    chmodSync(join(mac.sysroot, 'Library/Headroom'), 0o777);
    expect(await run([{ kind: 'remove_kit' }])).toMatch(/remove_kit: failed KIT_FOLDER_NOT_OURS/);
    expect(mac.list('/Library')).toContain('Headroom');
  });
});
