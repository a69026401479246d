/** The visit kit in the simulated recoveryOS, with a person on a real pseudo-terminal. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { updateState } from '@headroom/mac-sim';
import { describe, expect, it } from 'vitest';
import { newMac } from './macs.ts';
import { isHere } from './shells.ts';
import type { VisitMac } from './visit-mac.ts';

function expectNothingChanged(mac: VisitMac): void {
  expect(mac.state().policy).toMatchObject({ smb0: false, smb1: false, sip0: null, sip3: false, coih: null });
  expect(mac.state().nvram.stored).not.toHaveProperty('boot-args');
}

describe.each(['dash', 'bash --posix', 'busybox ash'])('raise under %s', (shell) => {
  it.skipIf(!isHere(shell))('ends with the development kernel booted and the arguments in force', async () => {
    const mac = await newMac();
    const { ended, transcript } = await mac.visit({ shell });

    expect(ended, transcript).toBe('reboot');
    const { boot, policy, accounts } = mac.state();
    expect(boot).toMatchObject({ kernel: 'development', filesetUuid: mac.kcUuid, bootArgsInForce: mac.bootArgs });
    expect(policy).toMatchObject({ smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true });
    expect(mac.receipt()).toMatchObject({
      'headroom-receipt': '1',
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      'step-csrutil': '0',
      'step-configure-boot': '0',
      'step-nvram': '0',
      coih: policy.coih,
      sip: '7f',
      'boot-args-filtering': 'off',
      outcome: 'done',
    });
    const password = accounts[0]?.password ?? '';
    expect(JSON.stringify(mac.receipt()) + transcript).not.toContain(password);
  });

  it.skipIf(!isHere(shell))('takes a code in small letters, with o for 0 and l for 1, after extra paths', async () => {
    const mac = await newMac();
    const kit = '/Volumes/Data/Library/Headroom/raise';
    const typed = mac.code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l');
    const { ended, transcript } = await mac.visit({ shell, line: `sh ${kit} ${kit} ${typed}` });
    expect(ended, transcript).toBe('reboot');
    expect(mac.receipt()).toMatchObject({ outcome: 'done' });
  });
});

describe('raise, where a release refuses boot arguments in recoveryOS', () => {
  it('leaves them to the agent: the kernel boots, the receipt says 1', async () => {
    const mac = await newMac({ version: '15.1', build: '24B82' });
    updateState(mac.dir, (draft) => {
      draft.behaviour.nvramGuidFormInRecovery = false;
    });
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('reboot');
    expect(transcript).toContain('refused here');
    expect(mac.state().boot).toMatchObject({ kernel: 'development', bootArgsInForce: '' });
    expect(mac.receipt()).toMatchObject({ 'step-nvram': '1', outcome: 'done' });
  });
});

describe('raise stops before the first change', () => {
  it.each<[name: string, says: RegExp, arrange: (mac: VisitMac) => unknown]>([
    ['the code is wrong', /Stopped at: code/, () => ({ line: line('7Q2MZ4K0TX') })],
    ['no code is given', /no visit code was given/, () => ({ line: line('') })],
    [
      'the kernel collection was changed',
      /was changed since it was built/,
      async (mac) => void (await mac.writeCollection({ bundleVersion: '6.6.6' })),
    ],
    [
      'the kit is of another Mac with the same code typed',
      /is not the code of this Mac/,
      (mac) => mac.setManifest({ 'host-uuid': '00000000-0000-4000-A000-000000000000' }),
    ],
    [
      'the kit is of another Mac',
      /boot policy of 00000000-0000-4000-A000-000000000000 cannot be read/,
      (mac) => mac.setManifest({ 'group-uuid': '00000000-0000-4000-A000-000000000000' }),
    ],
    [
      'the System volume is of another Mac',
      /no volume 00000000-0000-4000-A000-000000000000 on this Mac/,
      (mac) => mac.setManifest({ 'system-uuid': '00000000-0000-4000-A000-000000000000' }),
    ],
    ['recoveryOS is not paired', /hold the power button in ONE motion/, () => ({ paired: false })],
    ['the person says n', /the answer was not y/, () => person({ when: 'Go on\\? \\[y/n\\]: $', type: 'n' })],
    ['a tool is missing', /this recoveryOS lacks: kmutil/, () => ({ lacking: ['kmutil'] })],
    ['the manifest lacks a value', /the manifest lacks a value/, (mac) => mac.setManifest({ quota: '' })],
    [
      'Data cannot be written',
      /cannot be written: Data is read-only or full/,
      (mac) => void mkdirSync(join(mac.kit, 'receipt.new')),
    ],
    [
      'it runs in a pipe, where nobody sees the questions',
      /without a pipe/,
      (mac) => ({ line: `${line(mac.code)} | cat` }),
    ],
  ])('when %s', async (_name, says, arrange) => {
    const mac = await newMac();
    const options = (await arrange(mac)) as object | undefined;
    const { ended, transcript } = await mac.visit({ ...options });
    expect(transcript).toMatch(says);
    expect(transcript).toContain('Next:');
    expect(transcript).toContain('Nothing was changed.');
    expect(ended).toBe('stuck');
    expectNothingChanged(mac);
    expect(mac.receipt()).toBeNull();
  });
});

describe('raise says at which step it stopped, and goes on from there when run again', () => {
  it('after a wrong password in csrutil', async () => {
    const mac = await newMac();
    const wrong = person({ when: 'Enter password for user admin: $', type: 'not-it', secret: true, times: 1 });
    const { ended, transcript } = await mac.visit(wrong);
    expect(ended).toBe('stuck');
    expect(transcript).toMatch(/Unable to set credentials[\s\S]*Stopped at: csrutil/);
    expect(transcript).not.toContain('not-it');
    expectNothingChanged(mac);
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': '1', outcome: 'failed:csrutil', coih: 'absent' });

    expect((await mac.visit()).ended).toBe('reboot');
    expect(mac.state().boot).toMatchObject({ kernel: 'development', filesetUuid: mac.kcUuid });
  });

  it('after csrutil answered n, though its exit status is 0', async () => {
    const mac = await newMac();
    const { transcript } = await mac.visit(person({ when: 'for OS "Macintosh HD"\\? \\[y/n\\]: $', type: 'n' }));
    expect(transcript).toMatch(/Stopped at: csrutil/);
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': '0', outcome: 'failed:csrutil', sip: 'absent' });
    expectNothingChanged(mac);
  });

  it('after a name that is no owner in configure-boot', async () => {
    const mac = await newMac();
    const { transcript } = await mac.visit(person({ when: 'Username: $', type: 'nobody' }));
    expect(transcript).toMatch(/not a valid admin user for the volume[\s\S]*Stopped at: configure-boot/);
    expect(mac.state().policy).toMatchObject({ sip0: '7f', coih: null });
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': '0', 'step-configure-boot': '1', coih: 'absent' });
  });

  it('after a power cut between csrutil and configure-boot', async () => {
    const mac = await newMac();
    const cut = await mac.visit(person({ when: '\\(enter y or n\\)\\s*$', powerCut: true }));
    expect(cut.ended).toBe('power-cut');
    expect(mac.state()).toMatchObject({ power: 'off', policy: { sip0: '7f', coih: null } });
    expect(mac.receipt()).toMatchObject({ outcome: 'csrutil-done' });

    const again = await mac.visit();
    expect(again.ended, again.transcript).toBe('reboot');
    expect(again.transcript).toContain('csrutil disable: already done');
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': 'skipped', 'step-configure-boot': '0', outcome: 'done' });
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid, bootArgsInForce: mac.bootArgs });
  });

  it('after a power cut when all is done: the receipt proves configure-boot, so it is left out', async () => {
    const mac = await newMac();
    await mac.visit(person({ when: 'Restart now\\? \\[y/n\\]: $', powerCut: true }));
    const again = await mac.visit();
    expect(again.transcript).toContain('already done for this very kernel collection');
    expect(mac.receipt()).toMatchObject({ 'step-configure-boot': 'skipped', coih: mac.state().policy.coih });
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid });
  });
});

describe('configure-boot is left out on proof only', () => {
  const FOREIGN = 'AB'.repeat(48);

  it('not because some custom kernel is installed', async () => {
    const mac = await newMac();
    updateState(mac.dir, (draft) => {
      draft.policy.coih = FOREIGN;
    });
    await mac.visit();
    expect(mac.receipt()).toMatchObject({ 'step-configure-boot': '0' });
    expect(mac.state().policy.coih).not.toBe(FOREIGN);
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid });
  });

  it('not because another visit installed it', async () => {
    const mac = await newMac();
    await mac.visit();
    mac.setManifest({ visit: 'another-visit' });
    await mac.visit();
    expect(mac.receipt()).toMatchObject({ visit: 'another-visit', 'step-configure-boot': '0' });
  });

  it('but because the manifest lists the present object as proven', async () => {
    const mac = await newMac();
    await mac.visit();
    mac.setManifest({ visit: 'another-visit', 'proven-coih': mac.state().policy.coih ?? '' });
    await mac.visit();
    expect(mac.receipt()).toMatchObject({ 'step-csrutil': 'skipped', 'step-configure-boot': 'skipped' });
  });
});

describe('names of volumes', () => {
  it('may have blanks, quotes and other letters', async () => {
    const mac = await newMac({ systemName: `Büro's "Mac" & *` });
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('reboot');
    expect(mac.state().boot).toMatchObject({ filesetUuid: mac.kcUuid });
  });
});

describe('check', () => {
  const LINE = 'sh /Volumes/*/Library/Headroom/check';

  it('says what raise would do and changes nothing', async () => {
    const mac = await newMac();
    const { transcript } = await mac.visit({ line: `${LINE} ${mac.code}` });
    expect(transcript).toMatch(/is ready for raise[\s\S]*csrutil disable +to do[\s\S]*configure-boot +to do/);
    expectNothingChanged(mac);
    expect(mac.receipt()).toBeNull();
  });

  it('names what stands in the way', async () => {
    const mac = await newMac();
    const { transcript } = await mac.visit({ line: LINE, paired: false });
    expect(transcript).toMatch(/Stopped at: environment[\s\S]*Nothing was changed/);
  });
});

function line(code: string): string {
  return `sh /Volumes/*/Library/Headroom/raise ${code}`;
}

function person(rule: object) {
  return { person: { rules: [rule as { when: string }] } };
}
