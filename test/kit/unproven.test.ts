/** Steps that end well and do not do what they should, and steps that have to come twice or in order. */
import { cutPower, updateState } from '@headroom/mac-sim';
import { describe, expect, it } from 'vitest';
import { newMac } from './macs.ts';
import type { VisitMac } from './visit-mac.ts';

async function macWith(faults: object): Promise<VisitMac> {
  const mac = await newMac();
  setFaults(mac, faults);
  return mac;
}

function setFaults(mac: VisitMac, faults: object): void {
  updateState(mac.dir, ({ behaviour }) => {
    behaviour.faults = faults;
  });
}

const OLDER = 'AB'.repeat(48);
const hasOlderObject = (mac: VisitMac) =>
  updateState(mac.dir, ({ policy }) => {
    Object.assign(policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true, coih: OLDER });
  });

describe('configure-boot that ends with 0', () => {
  it('counts for nothing when the policy names the same older kernel as before', async () => {
    const mac = await macWith({ configureBootIgnored: true });
    hasOlderObject(mac);
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('stuck');
    expect(transcript).toMatch(/kmutil ended without an error, but[\s\S]*Next: +run the same line again/);
    expect(mac.receipt()).toMatchObject({
      'step-configure-boot': 'unproven',
      coih: OLDER,
      outcome: 'failed:configure-boot',
    });

    const again = await mac.visit();
    expect(again.transcript).not.toContain('already done for this very kernel collection');
    expect(mac.receipt()).toMatchObject({ 'step-configure-boot': '0', outcome: 'done' });
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid });
  });

  it('counts when power failed after it, and the kernel is there since this visit began', async () => {
    const mac = await macWith({ powerFailsAfter: 'kmutil configure-boot' });
    hasOlderObject(mac);
    await mac.visit();
    setFaults(mac, {});
    cutPower(mac.dir);
    await mac.visit();
    expect(mac.receipt()).toMatchObject({ 'coih-before': OLDER, 'step-configure-boot': '0', outcome: 'done' });
  });
});

describe('the filter that csrutil left on', () => {
  const times = (text: string, words: string): number => text.split(words).length - 1;

  it('is lifted by bputil -a, and csrutil and configure-boot come again, also where the kernel is proven', async () => {
    const mac = await newMac();
    await mac.visit();
    const coih = mac.state().policy.coih ?? '';
    await mac.placeKit({}, { visit: 'second', 'proven-coih': coih });
    updateState(mac.dir, ({ policy }) => {
      Object.assign(policy, { sip0: null, sip2: false, sip3: false });
    });
    setFaults(mac, { csrutilKeepsFiltering: true });
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('reboot');
    expect(times(transcript, 'Turning off System Integrity Protection requires')).toBe(2);
    expect(transcript).not.toContain('already done for this very kernel collection');
    expect(mac.receipt()).toMatchObject({
      'step-csrutil': '0',
      'step-bputil': '0',
      'step-configure-boot': '0',
      'filter-repair': 'done',
      outcome: 'done',
    });
  });

  it('is not done while the csrutil that comes again was refused', async () => {
    const mac = await macWith({ csrutilKeepsFiltering: true });
    const when = 'Enter password for user [^\\n]*: $';
    const password = mac.state().accounts[0]?.password ?? '';
    const { transcript } = await mac.visit({
      person: {
        rules: [
          { when, type: password, secret: true, times: 1 },
          { when, type: 'mistyped', secret: true, times: 1 },
        ],
      },
    });
    expect(transcript).toMatch(/Stopped at: csrutil/);
    expect(mac.receipt()).toMatchObject({ 'step-bputil': '0', 'filter-repair': 'begun', outcome: 'failed:csrutil' });
    expect(mac.state().policy).toMatchObject({ coih: null });
  });

  it('goes on after a power cut in the middle: csrutil and configure-boot are still to come', async () => {
    const mac = await macWith({ csrutilKeepsFiltering: true, powerFailsAfter: 'bputil -a' });
    await mac.visit();
    expect(mac.receipt()).toMatchObject({ 'filter-repair': 'begun', outcome: 'filter-repair' });
    setFaults(mac, { csrutilKeepsFiltering: true });
    cutPower(mac.dir);
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('reboot');
    expect(times(transcript, 'Turning off System Integrity Protection requires')).toBe(1);
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': '0', 'filter-repair': 'done', outcome: 'done' });
  });
});

describe('an argument without which the kernel does not boot', () => {
  const NEEDED = '-unsafe_kernel_text';
  const placed = async (mac: VisitMac) =>
    mac.placeKit({}, { 'needed-args': NEEDED, 'boot-args': `${mac.bootArgs} ${NEEDED}` });

  it('is saved, not only buffered, before configure-boot', async () => {
    const mac = await macWith({ kernelNeedsArg: NEEDED });
    await placed(mac);
    await mac.visit({ person: { rules: [{ when: '\\(enter y or n\\)\\s*$', powerCut: true }] } });
    expect(mac.state().nvram).toMatchObject({
      stored: { 'boot-args': expect.stringContaining(NEEDED) },
      unflushed: {},
    });
  });

  it('is saved also where it is there already, buffered', async () => {
    const mac = await macWith({ kernelNeedsArg: NEEDED });
    await placed(mac);
    hasOlderObject(mac);
    const set = `nvram 40A0DDD2-77F8-4392-B4A3-1E7304206516:boot-args="${mac.bootArgs}"`;
    await mac.visit({
      line: `${set}; ${mac.line}`,
      person: { rules: [{ when: '\\(enter y or n\\)\\s*$', powerCut: true }] },
    });
    expect(mac.state().nvram.stored['boot-args']).toContain(NEEDED);
  });
});
