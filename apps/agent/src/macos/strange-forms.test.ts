/** Forms that look right at a glance: each is read whole, or is unknown with a reason. What is guessed here would be believed elsewhere. */
import { describe, expect, it } from 'vitest';
import { parseBputil } from './bputil.ts';
import { parseCsrutil } from './csrutil.ts';
import { parseListUsers } from './diskutil.ts';
import { parseFdesetup } from './fdesetup.ts';
import { parseNvram } from './nvram.ts';
import { parseProfiles } from './profiles.ts';
import { parseSoftwareUpdate } from './softwareupdate.ts';
import { parseSwVers } from './sw-vers.ts';
import { parseHardware } from './system-profiler.ts';

const out = (stdout: string, stderr = '', exitCode = 0) => ({ exitCode, stdout, stderr });
const REASON = { ok: false, reason: expect.stringMatching(/./) };
const UUID = '2457711A-523C-4604-B75A-F48A571D5036';

describe('diskutil apfs listUsers', () => {
  const user = `+-- ${UUID}\n    Type: Local Open Directory User\n    Volume Owner: Yes\n`;
  it.each([
    ['Cryptographic users for disk3s1s1 (3 found)', user],
    ['Cryptographic users for disk3s1s1 (3 found)', ''],
    ['Cryptographic users for disk3s1s1', user],
  ])('%s, with fewer below, is a list that was cut', (head, users) => {
    expect(parseListUsers(out(`${head}\n|\n${users}`))).toMatchObject(REASON);
  });

  it.each(['Cryptographic user for disk3s1s1 (1 found)', 'Cryptographic users for disk3s1s1 (1 found)'])(
    '%s, with one below, is whole',
    (head) => {
      expect(parseListUsers(out(`${head}\n|\n${user}`))).toMatchObject({ ok: true, value: [{ uuid: UUID }] });
    },
  );
});

describe('profiles', () => {
  it.each([
    ['Yes (User Approved)', true],
    ['Yes', false],
    ['No', false],
    ['Yes (Vom Benutzer genehmigt)', null],
    ['Yes (User Approved, supervised)', null],
  ])('MDM enrollment: %s says user-approved %s', (text, userApproved) => {
    expect(parseProfiles(out(`Enrolled via DEP: No\nMDM enrollment: ${text}\n`))).toMatchObject({
      ok: true,
      value: { enrolled: text !== 'No', userApproved },
    });
  });
});

describe('csrutil', () => {
  const custom = 'System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n';
  it.each([
    ['no line', '', null],
    ['translated lines', '\tKext-Signatur: aktiviert\n', null],
    ['one line of another form', '\tKext Signing: enabled\n\tNVRAM Protections: deaktiviert\n', null],
    ['known lines', '\tKext Signing: enabled\n', { 'Kext Signing': true }],
  ])('a custom configuration with %s', (_what, lines, flags) => {
    expect(parseCsrutil(out(custom + lines))).toEqual({ ok: true, value: { status: 'custom', flags } });
  });
});

describe('softwareupdate', () => {
  const FOUND = 'Software Update found the following new or updated software:';
  it.each([
    [
      'Background Security Improvement macOS 26.3 (a)-25D771280a',
      'Title: Background Security Improvement macOS 26.3 (a), Version: 26.3 (a), Size: 1KiB,',
      [{ version: '26.3 (a)', build: '25D771280a' }],
    ],
    [
      'macOS Rapid Security Response 13.4.1 (c)-22F770820d',
      'Title: macOS Rapid Security Response 13.4.1 (c), Version: 13.4.1 (c), Size: 1KiB,',
      [{ version: '13.4.1 (c)', build: '22F770820d' }],
    ],
    ['Safari16.4MontereyAuto-16.4', 'Title: Safari, Version: 16.4, Size: 1KiB,', []],
  ])('%s', (label, fields, value) => {
    const reading = parseSoftwareUpdate(out(`${FOUND}\n* Label: ${label}\n\t${fields} Recommended: YES,\n`));
    expect(reading).toMatchObject({ ok: true, value });
  });
});

describe('an answer on the other stream', () => {
  const policy =
    'Local policy for volume group 2457711A-523C-4604-B75A-F48A571D5036:\nSecurity Mode: Full (smb0): absent\n';
  it.each([
    ['csrutil', parseCsrutil(out('', 'System Integrity Protection status: enabled.\n'))],
    ['fdesetup', parseFdesetup(out('', 'FileVault is On.\n'))],
    ['sw_vers', parseSwVers(out('', 'ProductVersion: 15.1\nBuildVersion: 24B82\n'))],
    ['bputil', parseBputil(out('', policy), UUID)],
    [
      'nvram',
      parseNvram(out("nvram: Error getting variable - 'boot-args': (iokit/common) data was not found\n"), 'boot-args'),
    ],
  ])('of %s is read', (_tool, reading) => {
    expect(reading).toMatchObject({ ok: true });
  });

  it.each([
    ['csrutil', parseCsrutil(out('', 'csrutil: System Integrity Protection status: enabled is not to be had'))],
    ['fdesetup', parseFdesetup(out('', 'fdesetup: error: FileVault is On cannot be told'))],
    ['sw_vers', parseSwVers(out('', 'sw_vers: BuildVersion: not found'))],
    ['nvram', parseNvram(out('', 'boot-args\tfailed'), 'boot-args')],
    ['nvram of another', parseNvram(out("boot-volume\t'boot-args' data was not found"), 'boot-args')],
  ])('of %s is no value when it is an error', (_tool, reading) => {
    expect(reading).toMatchObject(REASON);
  });
});

describe('JSON between other lines', () => {
  const json = '{"SPHardwareDataType": [\n  {\n"chip_type": "Apple M2"\n}\n]}';
  it.each(['\n[done]\n', '\r\n[1/2]\r\n[2/2] finished]\r\n'])('is read whole before %j', (after) => {
    expect(parseHardware(out(`[info] hello\n${json}${after}`))).toMatchObject({ value: { chip: 'Apple M2' } });
  });
  it('is none where it is cut', () => {
    expect(parseHardware(out(`${json.slice(0, -1)}\n[done]\n`))).toMatchObject({ ok: false });
  });
});
