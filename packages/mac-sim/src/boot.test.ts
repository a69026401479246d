/** Goal: which kernel runs, and what it allows, follows from policy, installed object and arguments, as on a Mac. */
import { rmSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readKernelCollection } from './kernel/index.ts';
import { guestQuota } from './kernel-args.ts';
import { simPaths } from './paths.ts';
import { bootMac, cutPower, restartMac, shutDownMac, startRecovery, unlockMac } from './power.ts';
import { loadState, updateState } from './state.ts';
import { COIH, installKernel, newMac, RAISED_BOOT_ARGS, raisedMac } from './testing/macs.ts';
import { updateMac } from './update.ts';

function objectPath(dir: string): string {
  const { volumes, policy } = loadState(dir);
  return simPaths(dir).customKernel(volumes.group, policy.nsih, COIH);
}

describe('boot', () => {
  it('runs the stock kernel, the same one on every Mac of this model and build', () => {
    const one = bootMac(newMac({ id: 'one' })).boot;
    const two = bootMac(newMac({ id: 'two' })).boot;
    expect(one).toMatchObject({ kernel: 'release', filesetUuid: two?.filesetUuid, kernelUuid: two?.kernelUuid });
    expect(one?.sessionId).not.toBe(two?.sessionId);
  });

  it('runs the installed object: identities and text come from the file', () => {
    const dir = raisedMac();
    const collection = readKernelCollection(objectPath(dir));
    const { boot } = loadState(dir);
    expect(boot).toMatchObject({
      kernel: 'development',
      filesetUuid: collection.uuid,
      kernelUuid: collection.kernelUuid,
      kernelVersionText: collection.kernelVersionText,
      bootArgsInForce: RAISED_BOOT_ARGS,
    });
    expect(boot && guestQuota(boot)).toBe(255);
  });

  it('waits at the unlock screen of FileVault, and goes on as the same boot', () => {
    const dir = newMac();
    updateState(dir, ({ volumes, behaviour }) => {
      volumes.fileVault = true;
      behaviour.waitsForUnlock = true;
    });
    const waiting = bootMac(dir);
    expect(waiting).toMatchObject({ power: 'unlock', screen: expect.stringContaining('FileVault') });
    expect(() => unlockMac(dir, 'mistyped')).toThrow('of no account');
    const { power, screen, boot } = unlockMac(dir, waiting.accounts[0]?.password ?? '');
    expect({ power, screen, boot }).toEqual({ power: 'macos', screen: null, boot: waiting.boot });
  });

  it('gives the kernel no arguments while the policy filters them', () => {
    const dir = newMac();
    installKernel(dir);
    updateState(dir, (draft) => {
      draft.policy.sip3 = false;
    });
    expect(bootMac(dir).boot?.bootArgsInForce).toBe('');
  });

  it('a kernel that dropped the argument keeps the stock quota', () => {
    const dir = newMac();
    installKernel(dir, { quotaSupport: false });
    const { boot } = bootMac(dir);
    expect(boot?.bootArgsInForce).toBe(RAISED_BOOT_ARGS);
    expect(boot && guestQuota(boot)).toBe(2);
  });

  it.each([
    ['is missing', (path: string) => rmSync(path)],
    ['is cut short', (path: string) => truncateSync(path, 100)],
  ])('stops at the failure screen when the object %s', (_, spoil) => {
    const dir = newMac();
    installKernel(dir);
    spoil(objectPath(dir));
    expect(bootMac(dir)).toMatchObject({ power: 'failed', boot: null, screen: 'Custom kernel failed to boot' });
    expect(startRecovery(dir).power).toBe('recovery');
  });

  it('stops when the object was built for another build', () => {
    const dir = newMac();
    installKernel(dir, { version: '14.6.1', build: '23G93' });
    expect(bootMac(dir).power).toBe('failed');
  });

  it('refuses to start a Mac that runs', () => {
    expect(() => bootMac(raisedMac())).toThrow(/power is macos/);
  });
});

describe('NVRAM', () => {
  const pending = () => {
    const dir = newMac();
    bootMac(dir);
    updateState(dir, (draft) => {
      draft.nvram.unflushed['boot-args'] = '-v';
    });
    return dir;
  };
  it('is saved by a clean shutdown and by a restart', () => {
    expect(shutDownMac(pending()).nvram.stored['boot-args']).toBe('-v');
    expect(restartMac(pending()).nvram.stored['boot-args']).toBe('-v');
  });
  it('loses buffered writes in a power cut', () => {
    const { nvram } = cutPower(pending());
    expect(nvram.stored['boot-args']).toBeUndefined();
    expect(nvram.unflushed).toEqual({});
  });
});

describe('update', () => {
  it('goes back to the stock kernel; arguments stay stored, the object stays in the old folder', () => {
    const dir = raisedMac();
    const before = loadState(dir);
    const after = updateMac(dir, { version: '14.6.1', build: '23G93' });
    expect(after).toMatchObject({
      power: 'macos',
      os: { build: '23G93', darwin: '23.6.0' },
      boot: { kernel: 'release' },
    });
    expect(after.policy).toMatchObject({ coih: null, sip3: true });
    expect(after.policy.nsih).not.toBe(before.policy.nsih);
    expect(after.boot?.bootArgsInForce).toBe(RAISED_BOOT_ARGS);
    expect(after.boot && guestQuota(after.boot)).toBe(2);
  });

  it('stops at the failure screen when the policy still names the old kernel', () => {
    const dir = raisedMac();
    expect(updateMac(dir, { version: '14.6.1', build: '23G93', keepsCustomKernel: true }).power).toBe('failed');
  });
});
