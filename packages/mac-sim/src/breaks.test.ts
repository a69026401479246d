/** Goal: each break takes away exactly the evidence that its name says, on a Mac that had all of it. */
import { describe, expect, it } from 'vitest';
import { BREAKS, breakMac } from './breaks.ts';
import { guestQuota } from './kernel-args.ts';
import { loadState, nvramValue, type SimState } from './state.ts';
import { newMac, RAISED_BOOT_ARGS, raisedMac } from './testing/macs.ts';

/** The evidence of a raise, as one object that differs in one place after a break. */
function evidence(state: SimState) {
  const { boot, policy, os, power } = state;
  return {
    power,
    kernel: boot?.kernel,
    fileset: boot?.filesetUuid,
    inForce: boot?.bootArgsInForce,
    stored: nvramValue(state, 'boot-args'),
    coih: policy.coih,
    filtering: !policy.sip3,
    sip0: policy.sip0,
    build: os.baseBuild,
    quota: boot === null ? null : guestQuota(boot),
  };
}

const QUOTA_4 = RAISED_BOOT_ARGS.replace('0xFF', '0x4');
const NO_HYPERVISOR = 'kcsuffix=development hv_apple_isa_vm_quota=0xFF';
const STOCK = { kernel: 'release', coih: null, quota: 2, fileset: expect.not.stringMatching(/^$/) };

const EFFECTS: Readonly<Record<string, Partial<Record<keyof ReturnType<typeof evidence>, unknown>>>> = {
  'boot-args-cleared': { inForce: '', stored: null, quota: 2 },
  'boot-args-cleared-later': { stored: null },
  'quota-changed': { inForce: QUOTA_4, stored: QUOTA_4, quota: 4 },
  'quota-changed-later': { stored: QUOTA_4 },
  'hypervisor-missing': { inForce: NO_HYPERVISOR, stored: NO_HYPERVISOR, quota: 2 },
  'foreign-args': { stored: `${RAISED_BOOT_ARGS} debug=0x144` },
  'foreign-kernel': { fileset: expect.any(String), coih: expect.any(String) },
  'object-changed': { coih: expect.any(String) },
  'object-purged': { power: 'failed', kernel: undefined, fileset: undefined, inForce: undefined, quota: null },
  'stock-kernel': STOCK,
  'sip-enabled': { inForce: '', filtering: true, sip0: null, quota: 2 },
  'full-security': { ...STOCK, inForce: '', filtering: true, sip0: null },
  'system-changed': { build: '23F80' },
};

describe('breakMac', () => {
  it.each(Object.keys(BREAKS))('%s', (name) => {
    const dir = raisedMac();
    const before = evidence(loadState(dir));
    const after = evidence(breakMac(dir, name));
    const effects = EFFECTS[name] ?? {};
    expect(after).toEqual({ ...before, ...effects });
    for (const key of Object.keys(effects) as (keyof typeof after)[]) expect(after[key]).not.toEqual(before[key]);
  });

  it('names the known breaks when asked for another', () => {
    expect(() => breakMac(newMac(), 'nonsense')).toThrow(/no such break. Known: boot-args-cleared, /);
  });

  it('refuses to break a kernel object that is not there', () => {
    const dir = newMac();
    expect(() => breakMac(dir, 'foreign-kernel')).toThrow(/no custom kernel is installed/);
  });
});
