/** The way back in the simulated recoveryOS: what is put back, what is not, and that it says so. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { priorWords } from '@headroom/core';
import { updateState } from '@headroom/mac-sim';
import { describe, expect, it } from 'vitest';
import { raisedMac } from './macs.ts';
import { REVERT_LINE, type VisitMac } from './visit-mac.ts';

const STOCK = { smb0: false, smb1: false, sip0: null, sip2: false, sip3: false, coih: null };
const answer = (when: string, type: string) => ({ person: { rules: [{ when, type }] } });
const fault = (mac: VisitMac, faults: object): unknown =>
  updateState(mac.dir, (draft) => {
    draft.behaviour.faults = faults;
  });

describe('revert', () => {
  it('goes to Full Security, SIP on and the stock kernel, without a code; kit and kernel stay', async () => {
    const mac = await raisedMac();
    const { ended, transcript } = await mac.revert();
    expect(ended, transcript).toBe('reboot');
    expect(mac.state().policy).toMatchObject(STOCK);
    expect(mac.state().boot).toMatchObject({ kernel: 'release', bootArgsInForce: '' });
    expect(mac.state().nvram.stored).not.toHaveProperty('boot-args');
    expect(mac.receipt()).toMatchObject({
      'headroom-receipt': '1',
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      'step-nvram': '0',
      'step-csrutil-enable': '0',
      coih: 'absent',
      sip: 'absent',
      'boot-args-filtering': 'on',
      outcome: 'reverted',
    });
    expect(transcript).toMatch(/takes back what was lowered[\s\S]*Permissive Security[\s\S]*now: Full Security/);
    expect(transcript + JSON.stringify(mac.receipt())).not.toContain(mac.state().accounts[0]?.password ?? '');
    const again = await mac.visit();
    expect(again.ended, again.transcript).toBe('reboot');
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid });
  });

  it.each([
    ['a Mac that was not raised, ours too', '-v kcsuffix=old hypervisor=0x1', '-v kcsuffix=old hypervisor=0x1'],
    ['one that was raised, and not those of that raise', '-v kcsuffix=old hv_apple_isa_vm_quota=9', '-v'],
  ])('restores the arguments of %s, and keeps what others stored since', async (_which, prior, before) => {
    const mac = await raisedMac();
    mac.setManifest({ 'boot-args': `${mac.bootArgs} -v -extra`, 'prior-boot-args': prior });
    updateState(mac.dir, (draft) => {
      draft.nvram.stored['boot-args'] = `${mac.bootArgs} -v -extra serverperfmode=1`;
    });
    await mac.revert();
    expect(mac.state().nvram.stored['boot-args']).toBe(`${before} serverperfmode=1`);
    expect(before).toBe(priorWords(prior).join(' '));
  });

  it('changes nothing when the answer is n', async () => {
    const mac = await raisedMac();
    const before = mac.state().policy;
    const { transcript } = await mac.revert(answer('Go on\\? \\[y/n\\]: $', 'n'));
    expect(transcript).toMatch(/the answer was not y[\s\S]*Nothing was changed/);
    expect(mac.state().policy).toEqual(before);
    expect(mac.receipt()).toMatchObject({ outcome: 'done' });
  });

  it('run twice, finds everything done', async () => {
    const mac = await raisedMac();
    await mac.revert();
    const { transcript } = await mac.revert();
    expect(transcript).toContain('already as they were');
    expect(mac.receipt()).toMatchObject({
      'step-nvram': 'skipped',
      'step-csrutil-enable': 'skipped',
      outcome: 'reverted',
    });
  });

  it('says what it cannot put back, also when no other kernel is known from before', async () => {
    const mac = await raisedMac();
    mac.setManifest({ 'prior-coih': '', 'prior-security-mode': 'reduced' });
    expect((await mac.revert()).transcript).toContain('Before the raise startup security was reduced');
  });

  it('does not take the values of a raised Mac for those of before', async () => {
    const mac = await raisedMac();
    const coih = mac.state().policy.coih ?? '';
    mac.setManifest({ 'prior-coih': coih, 'proven-coih': coih, 'prior-security-mode': 'permissive' });
    expect((await mac.revert()).transcript).not.toMatch(/Before the raise|Not put back/);
  });

  it('says what it cannot put back', async () => {
    const mac = await raisedMac();
    const other = 'CD'.repeat(48);
    mac.setManifest({ 'prior-coih': other, 'prior-security-mode': 'reduced', 'prior-sip': 'disabled' });
    const { transcript } = await mac.revert();
    expect(transcript).toContain(`another custom kernel that was installed before, ${other}`);
    expect(transcript).toContain('Before the raise startup security was reduced');
    expect(transcript).toContain('Before the raise System Integrity Protection was disabled');
  });
});

describe('revert, where Full Security cannot be had', () => {
  it.each([
    ['there is no Internet', { offlineInRecovery: true }, /Code=102/],
    ['Apple no longer offers the system', { systemNotOffered: true }, /no longer offered/],
  ])('offers Reduced when %s', async (_name, faults, says) => {
    const mac = await raisedMac();
    fault(mac, faults);
    const { ended, transcript } = await mac.revert();
    expect(transcript).toMatch(says);
    expect(ended, transcript).toBe('reboot');
    expect(mac.state().policy).toMatchObject({ ...STOCK, smb0: true });
    expect(mac.state().boot).toMatchObject({ kernel: 'release' });
    expect(mac.receipt()).toMatchObject({
      'step-csrutil-enable': '1',
      'step-bputil': '0',
      outcome: 'reverted-reduced',
    });
    expect(transcript).toContain('Not put back: Full Security');
  });

  it('keeps the kernel its arguments when the person declines, and reverts on the next run', async () => {
    const mac = await raisedMac();
    fault(mac, { offlineInRecovery: true });
    const declines = { when: 'bputil -g now\\? \\[y/n\\]: $', type: 'n' };
    const leaves = { when: 'bash-3\\.2# $', type: 'reboot', times: 1 };
    const { ended, transcript } = await mac.revert({ person: { rules: [declines, leaves] } });
    expect(ended).toBe('reboot');
    expect(transcript).toContain('Stopped at: csrutil-enable');
    expect(transcript).not.toContain('Nothing was changed');
    expect(mac.receipt()).toMatchObject({ outcome: 'failed:csrutil-enable' });
    expect(mac.state().boot).toMatchObject({ kernel: 'development', bootArgsInForce: mac.bootArgs });
    fault(mac, {});
    await mac.revert();
    expect(mac.receipt()).toMatchObject({ outcome: 'reverted' });
  });
});

describe('revert needs little', () => {
  it('no kernel collection, and no room for a receipt', async () => {
    const mac = await raisedMac();
    rmSync(join(mac.kit, 'KernelCollection.kc'));
    rmSync(join(mac.kit, 'receipt'));
    const { ended, transcript } = await mac.revert({
      line: `mkdir /Volumes/Data/Library/Headroom/receipt.new; ${REVERT_LINE}`,
    });
    expect(ended, transcript).toBe('reboot');
    expect(transcript).toContain('there will be no receipt');
    expect(mac.state().policy).toMatchObject(STOCK);
    expect(mac.receipt()).toBeNull();
  });

  it('without a manifest it says the way by hand, which works', async () => {
    const mac = await raisedMac();
    rmSync(join(mac.kit, 'manifest'));
    const { transcript } = await mac.revert();
    expect(transcript).toMatch(/Stopped at: kit[\s\S]*type csrutil enable, answer y/);
    await mac.revert({ line: 'csrutil enable; reboot' });
    expect(mac.state().boot).toMatchObject({ kernel: 'release' });
  });
});
