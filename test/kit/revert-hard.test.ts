/** The way back where little is left: tools, room for a receipt, arguments that can be read or put back. */
import { updateState } from '@headroom/mac-sim';
import { describe, expect, it } from 'vitest';
import { raisedMac } from './macs.ts';
import { REVERT_LINE } from './visit-mac.ts';

const STOCK = { smb0: false, smb1: false, sip0: null, sip2: false, sip3: false, coih: null };
const NO_ROOM = 'mkdir /Volumes/Data/Library/Headroom/receipt.new; ';
const CTRL_C = '\x03';

describe('revert where recoveryOS lacks tools', () => {
  it('needs bputil and csrutil only', async () => {
    const mac = await raisedMac();
    const lacking = ['sync', 'md5', 'date', 'mv', 'tr', 'nvram', 'reboot', 'diskutil', 'kmutil'];
    const { transcript } = await mac.revert({ lacking });
    expect(mac.state().policy, transcript).toMatchObject(STOCK);
    expect(transcript).toMatch(/Taken back[\s\S]*Stored is still: unknown[\s\S]*choose Restart/);
  });

  it('leaves a receipt without sync, md5 and date', async () => {
    const mac = await raisedMac();
    const { ended, transcript } = await mac.revert({ lacking: ['sync', 'md5', 'date'] });
    expect(ended, transcript).toBe('reboot');
    expect(mac.receipt()).toMatchObject({ outcome: 'reverted' });
  });
});

describe('revert and arguments', () => {
  it('that cannot be read are not called none, nor put back', async () => {
    const mac = await raisedMac();
    updateState(mac.dir, ({ behaviour }) => {
      behaviour.faults = { nvramUnreadable: true };
    });
    const { transcript } = await mac.revert();
    expect(transcript).toMatch(/\(now: unknown\)[\s\S]*Not known: whether the boot arguments are put back/);
    expect(mac.receipt()).toMatchObject({ 'step-nvram': 'unproven', outcome: 'reverted' });
    expect(mac.state().nvram.stored).not.toHaveProperty('boot-args');
  });

  it('that are refused to the kernel that stays are told on screen and in the receipt', async () => {
    const mac = await raisedMac();
    const { transcript } = await mac.revert({
      person: {
        rules: [
          { when: 'boot security\\? \\[y/n\\]: $', type: 'n' },
          { when: 'bputil -g now\\? \\[y/n\\]: $', type: 'n' },
        ],
      },
    });
    expect(transcript).toMatch(/giving it back its arguments was refused[\s\S]*not permitted/);
    expect(mac.receipt()).toMatchObject({ 'step-nvram-back': '1', outcome: 'failed:csrutil-enable' });
  });

  it.each(['', NO_ROOM])('are put back when the person interrupts csrutil (%j)', async (before) => {
    const mac = await raisedMac();
    const { transcript } = await mac.revert({
      line: before + REVERT_LINE,
      person: { rules: [{ when: 'Enter password for user [^\\n]*: $', type: CTRL_C, times: 1 }] },
    });
    expect(transcript).toContain('Interrupted.');
    const { nvram, policy } = mac.state();
    expect(policy).toMatchObject({ sip0: '7f' });
    expect({ ...nvram.stored, ...nvram.unflushed }['boot-args']).toBe(mac.bootArgs);
    expect(mac.receipt()).toMatchObject({ outcome: before === '' ? 'interrupted' : 'done' });
  });
});
