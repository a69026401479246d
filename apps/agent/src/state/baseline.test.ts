/** Goal: the way back is known from before the raise, whatever is read afterwards. */
import { existsSync } from 'node:fs';
import { emptyFacts, type Facts } from '@headroom/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { noteBaseline, readBaseline } from './baseline.ts';

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

const FILE = '/var/db/headroom/baseline.json';
const QUOTA_LINE = 'hypervisor=0x1 hv_apple_isa_vm_quota=0x10';
const empty = emptyFacts('not read in this test');

function stock(stored: string | null = null): Facts {
  return {
    ...empty,
    kernel: { ...empty.kernel, config: 'release' },
    sip: { status: 'enabled', flags: null },
    bootPolicy: { ...empty.bootPolicy, securityMode: 'reduced', customKernel: 'absent', bootArgsFiltering: true },
    bootArgs: { inForce: '', storedPresent: stored !== null, stored },
  };
}

const BASELINE = { securityMode: 'reduced', sip: 'enabled', customKernel: 'absent', bootArgs: '-v' };

it.each<[string, (facts: Facts) => Facts]>([
  ['SIP off', (facts) => ({ ...facts, sip: { status: 'disabled', flags: null } })],
  ['SIP unknown', (facts) => ({ ...facts, sip: { status: null, flags: null } })],
  ['the policy lowered', (facts) => ({ ...facts, bootPolicy: { ...facts.bootPolicy, securityMode: 'permissive' } })],
  ['the policy unknown', (facts) => ({ ...facts, bootPolicy: empty.bootPolicy })],
  ['a custom kernel', (facts) => ({ ...facts, bootPolicy: { ...facts.bootPolicy, customKernel: 'A1'.repeat(48) } })],
  ['the filter off', (facts) => ({ ...facts, bootPolicy: { ...facts.bootPolicy, bootArgsFiltering: false } })],
  ['a development kernel', (facts) => ({ ...facts, kernel: { ...facts.kernel, config: 'development' } })],
  ['the quota stored', () => stock(QUOTA_LINE)],
  ['arguments unknown', (facts) => ({ ...facts, bootArgs: empty.bootArgs })],
])('is kept with %s, and not made from it', async (_name, lowered) => {
  await noteBaseline(mac, lowered(stock()));
  expect(existsSync(mac.path(FILE))).toBe(false);
  await noteBaseline(mac, stock('-v'));
  await noteBaseline(mac, lowered(stock()));
  expect(await readBaseline(mac)).toEqual(BASELINE);
});

it('is made anew once the Mac is stock again', async () => {
  await noteBaseline(mac, stock('-v'));
  await noteBaseline(mac, stock());
  expect(await readBaseline(mac)).toEqual({ ...BASELINE, bootArgs: null });
});

it('counts as none when it is damaged', async () => {
  mac.file(FILE, '{"securityMode":1}');
  expect(await readBaseline(mac)).toBe(null);
});
