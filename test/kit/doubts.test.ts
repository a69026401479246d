/** What `raise` cannot know, and what others stored: it stops or asks before the first change, and never takes silence for an answer. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { updateState } from '@headroom/mac-sim';
import { describe, expect, it } from 'vitest';
import { newMac } from './macs.ts';
import type { VisitMac } from './visit-mac.ts';

const UNTOUCHED = { smb0: false, sip0: null, sip3: false, coih: null };
const ASKS = 'Go on all the same\\? \\[y/n\\]: $';
const answering = (type: string) => ({ person: { rules: [{ when: ASKS, type }] } });
const systemVersion = (mac: VisitMac) => join(mac.dir, 'System/Library/CoreServices/SystemVersion.plist');

const DOUBTS: readonly [name: string, cause: RegExp, arrange: (mac: VisitMac) => unknown][] = [
  [
    'the consent has ended by the clock of recoveryOS',
    /In doubt: +by the clock of this Mac the consent ended at 2001-01-01/,
    (mac) => mac.placeKit({}, { expires: '2001-01-01T00:00:00.000Z' }),
  ],
  [
    'the build of the system cannot be read',
    /In doubt: +the build of the system cannot be read/,
    (mac) => rmSync(systemVersion(mac)),
  ],
];

describe.each(DOUBTS)('raise asks when %s', (_name, cause, arrange) => {
  it('and Return alone ends it before the first change', async () => {
    const mac = await newMac();
    await arrange(mac);
    const { transcript } = await mac.visit(answering(''));
    expect(transcript).toMatch(cause);
    expect(transcript).toMatch(/Stopped at: (expiry|build)[\s\S]*Next: +type reboot[\s\S]*Nothing was changed/);
    expect(mac.state().policy).toMatchObject(UNTOUCHED);
    expect(mac.receipt()).toBeNull();
  });

  it('and check does not call the Mac ready', async () => {
    const mac = await newMac();
    await arrange(mac);
    const { transcript } = await mac.visit({ line: `sh /Volumes/*/Library/Headroom/check ${mac.code}` });
    expect(transcript).toMatch(cause);
    expect(transcript).toMatch(/is not ready for raise, unless you settle what is in doubt above/);
    expect(transcript).not.toMatch(/is ready for raise/);
  });
});

describe('raise and the build of the system', () => {
  const visitUnder = async (kernel: string, system: string) => {
    const mac = await newMac();
    await mac.placeKit({ build: kernel });
    writeFileSync(
      systemVersion(mac),
      `<plist><dict>\n\t<key>ProductBuildVersion</key>\n\t<string>${system}</string>\n</dict></plist>\n`,
    );
    const { transcript } = await mac.visit();
    return { mac, transcript };
  };

  it('takes a rapid response of the same train', async () => {
    const { mac, transcript } = await visitUnder('22F82', '22F770820d');
    expect(transcript).toMatch(/Note: the system is the rapid response 22F770820d/);
    expect(mac.receipt()).toMatchObject({ outcome: 'done' });
  });

  it('stops at one of another train', async () => {
    const { mac, transcript } = await visitUnder('22F82', '22G770820d');
    expect(transcript).toContain('the system is 22G770820d now, the kernel is for 22F82');
    expect(mac.state().policy).toMatchObject(UNTOUCHED);
  });
});

describe('raise and boot arguments of others', () => {
  const store = (mac: VisitMac, line: string) =>
    updateState(mac.dir, ({ nvram }) => {
      nvram.stored['boot-args'] = line;
    });

  it('stops before the first change at a word that the line of the visit would lose', async () => {
    const mac = await newMac();
    store(mac, `hv_apple_isa_vm_quota=0x5 serverperfmode=1`);
    const { transcript } = await mac.visit();
    expect(transcript).toMatch(/Stopped at: boot-args\r?\nCause: [^\n]*does not keep: serverperfmode=1\r?\n/);
    expect(transcript).toMatch(/have the exception name them/);
    expect(mac.state().policy).toMatchObject(UNTOUCHED);
    expect(mac.state().nvram.stored['boot-args']).toContain('serverperfmode=1');
  });

  it('goes on when the line keeps it', async () => {
    const mac = await newMac();
    store(mac, 'serverperfmode=1');
    await mac.placeKit({}, { 'boot-args': `${mac.bootArgs} serverperfmode=1` });
    expect((await mac.visit()).ended).toBe('reboot');
    expect(mac.state().boot?.bootArgsInForce).toContain('serverperfmode=1');
  });

  it('leaves alone what it cannot read, and says so', async () => {
    const mac = await newMac();
    store(mac, 'serverperfmode=1');
    updateState(mac.dir, ({ behaviour }) => {
      behaviour.faults = { nvramUnreadable: true };
    });
    const { ended, transcript } = await mac.visit();
    expect(ended, transcript).toBe('reboot');
    expect(transcript).toMatch(
      /Step 3, boot arguments: refused here \(what is stored cannot be read, and is left alone\)/,
    );
    expect(mac.state().nvram.stored['boot-args']).toBe('serverperfmode=1');
    expect(mac.receipt()).toMatchObject({ 'step-nvram': '1', outcome: 'done' });
  });
});
