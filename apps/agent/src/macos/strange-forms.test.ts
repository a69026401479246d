/** Forms that look right at a glance: each is read whole, or is unknown with a reason. What is guessed here would be believed elsewhere. */
import { describe, expect, it } from 'vitest';
import { parseBputil } from './bputil.ts';
import { parseCsrutil } from './csrutil.ts';
import { parseApfsList, parseInfo, parseListUsers } from './diskutil.ts';
import { parseFdesetup } from './fdesetup.ts';
import { parseAttach, parseHdiutilInfo } from './hdiutil.ts';
import { parseShowLoaded } from './kmutil.ts';
import { parseNvram } from './nvram.ts';
import { parseProfiles } from './profiles.ts';
import { parseSoftwareUpdate } from './softwareupdate.ts';
import { parseSwVers } from './sw-vers.ts';
import { parseHardware, parseShownPolicy } from './system-profiler.ts';
import { settingsIn } from './update-declarations.ts';

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
  const custom =
    'note: a banner\nSystem Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n';
  const LOST_INDENT = { 'Kext Signing': true, 'NVRAM Protections': false };
  it.each([
    ['no line', '', null],
    ['translated lines', '\tKext-Signatur: aktiviert\n', null],
    ['one line of another form', '\tKext Signing: enabled\n\tNVRAM Protections: deaktiviert\n', null],
    ['known lines', '\tKext Signing: enabled\n', { 'Kext Signing': true }],
    ['lines without their indent', 'Kext Signing: enabled\nNVRAM Protections: disabled.\n', LOST_INDENT],
    ['a line of another form and no indent', 'Kext Signing: enabled\nNVRAM Protections: deaktiviert\n', null],
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
    ['profiles', parseProfiles(out('', 'Enrolled via DEP: No\nMDM enrollment: No\n'))],
    ['kmutil', parseShowLoaded(out('', 'Index Refs Address Size Wired Name (Version) UUID <Linked Against>\n'))],
    ['diskutil', parseListUsers(out('', 'No cryptographic users for disk3s1s1\n'))],
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

/** No captures: forms that manuals, or code that reads these tools, name. They may be wrong on a real Mac. */
describe('documented or derived forms', () => {
  it.each([
    ['FileVault is Off, but will be enabled after the next restart.', null],
    ['FileVault is Off, but needs to be restarted to finish.', null],
    ['FileVault is On, but needs to be restarted to finish.', null],
    ['FileVault is Off, but encryption is in progress.', null],
    ["FileVault is Off.\nDeferred enablement appears to be active for user 'anna'.", 'off'],
    ['FileVault is On.\nFileVault master keychain appears to be installed.', 'on'],
    ['FileVault is On.\nDecryption in progress: Percent completed = 7', 'decrypting'],
  ])('fdesetup: %j is %s', (text, status) => {
    const reading = parseFdesetup(out(`${text}\n`));
    expect(reading.ok ? reading.value : null).toBe(status);
    if (!reading.ok) expect(reading.reason).toContain(text);
  });

  it('csrutil: the longer list of macOS 13 and later, with the warning below it', () => {
    const flags = {
      ...{ 'Apple Internal': false, 'Kext Signing': true, 'Filesystem Protections': true },
      ...{ 'Debugging Restrictions': true, 'DTrace Restrictions': true, 'NVRAM Protections': false },
      ...{ 'BaseSystem Verification': true, 'Boot-arg Restrictions': false },
      ...{ 'Kernel Integrity Protections': true, 'Authenticated Root Requirement': true },
    };
    const lines = Object.entries(flags).map(([name, on]) => `\t${name}: ${on ? 'enabled' : 'disabled'}`);
    const warning =
      'This is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.';
    const text = [
      'System Integrity Protection status: unknown (Custom Configuration).',
      '',
      'Configuration:',
      ...lines,
    ];
    expect(parseCsrutil(out([...text, '', warning, ''].join('\n')))).toEqual({
      ok: true,
      value: { status: 'custom', flags },
    });
  });

  it("csrutil: words of a Mac of Apple's own are no status that we know", () => {
    expect(parseCsrutil(out('System Integrity Protection status: enabled (Apple Internal).\n'))).toMatchObject(REASON);
  });

  it('softwareupdate: two blanks in a name, and other updates beside macOS', () => {
    const rows = [
      ['Safari27.0TahoeAuto-27.0', 'Safari, Version: 27.0, Size: 249465KiB, Recommended: YES, '],
      ['MotionContent-1.0', 'Motion Supplemental Content, Version: 1.0, Size: 1091206KiB, Recommended: YES, '],
      ['macOS Tahoe  26.7-25G229', 'macOS Tahoe  26.7, Version: 26.7, Size: 1KiB, Recommended: YES, Action: restart, '],
    ].map(([label, title]) => `* Label: ${label}\n\tTitle: ${title}\n`);
    const text = `Software Update Tool\n\nFinding available software\nSoftware Update found the following new or updated software:\n${rows.join('')}`;
    expect(parseSoftwareUpdate(out(text))).toMatchObject({
      ok: true,
      value: [{ version: '26.7', build: '25G229', title: 'macOS Tahoe  26.7' }],
    });
  });

  it('diskutil apfs listUsers of an Intel Mac says of nobody whether it is an owner', () => {
    const users = `+-- ${UUID}\n|   Type: Local Open Directory User\n|\n+-- EBC6C064-0000-11AA-AA11-00306543ECAC\n    Type: Personal Recovery User\n`;
    expect(parseListUsers(out(`Cryptographic users for disk1s5 (2 found)\n|\n${users}`))).toMatchObject({
      ok: true,
      value: [{ volumeOwner: null }, { volumeOwner: null }],
    });
  });

  it('system_profiler: SIP with a custom configuration is neither on nor off', () => {
    const item = { ibridge_sb_sip: 'Custom Configuration', ibridge_secure_boot: 'Permissive Security' };
    expect(parseShownPolicy(out(JSON.stringify({ SPiBridgeDataType: [item] })))).toEqual({
      ok: true,
      value: { securityMode: 'permissive', sipEnabled: null, bootArgsFiltering: null },
    });
  });

  it('hdiutil: of an APFS image the disk with the partition scheme is detached, wherever it stands in the list', () => {
    const entity = (hint: string, device: string, mountPoint = '') =>
      `<dict><key>content-hint</key><string>${hint}</string><key>dev-entry</key><string>/dev/${device}</string>${mountPoint && `<key>mount-point</key><string>${mountPoint}</string>`}</dict>`;
    const entities = [
      entity('EF57347C-0000-11AA-AA11-00306543ECAC', 'disk5'),
      entity('41504653-0000-11AA-AA11-00306543ECAC', 'disk5s1', '/private/var/db/headroom/mnt/kdk-1'),
      entity('Apple_APFS', 'disk4s1'),
      entity('GUID_partition_scheme', 'disk4'),
    ];
    for (const order of [entities, entities.toReversed()]) {
      const text = `<plist version="1.0"><dict><key>system-entities</key><array>${order.join('')}</array></dict></plist>`;
      expect(parseAttach(out(text))).toEqual({
        ok: true,
        value: { device: '/dev/disk4', mountPoint: '/private/var/db/headroom/mnt/kdk-1' },
      });
    }
  });

  it.each([
    ['AlwaysOff, 90 days', { automaticallyInstallOSUpdates: 0, minorOSDeferralPeriod: 90 }, [false, 90]],
    ['AlwaysOn as a switch', { automaticallyInstallOSUpdates: true }, [true, null]],
    ['only major updates deferred', { majorOSDeferralPeriod: 30 }, [null, null]],
    ['a number that is no switch', { automaticallyInstallOSUpdates: 2 }, null],
    ['a deferral in words', { minorOSDeferralPeriod: 'long' }, null],
  ])('declared settings: %s', (_name, settings, says) => {
    const reading = settingsIn({ SUCorePersistedStatePolicyFields: { SUCoreDDMDeclarationGlobalSettings: settings } });
    expect(reading.ok ? [reading.value?.autoInstall, reading.value?.deferralDays] : null).toEqual(says);
  });
});

describe('diskutil info', () => {
  const field = (key: string, value: string) => `<key>${key}</key><string>${value}</string>`;
  const info = (fields: string) =>
    parseInfo(out(`<plist version="1.0"><dict>${field('DeviceIdentifier', 'disk3s1s1')}${fields}</dict></plist>`));
  it.each([
    ['a snapshot', `<key>APFSSnapshot</key><true/>${field('VolumeUUID', UUID)}`, true],
    ['a UUID that is the snapshot’s', field('APFSSnapshotUUID', UUID) + field('VolumeUUID', UUID.toLowerCase()), true],
    ['a volume', `<key>APFSSnapshot</key><false/>${field('VolumeUUID', UUID)}`, false],
    ['nothing of it', field('VolumeUUID', UUID), false],
  ])('tells %s', (_what, fields, isSnapshot) => {
    expect(info(fields)).toMatchObject({ ok: true, value: { uuid: UUID, isSnapshot } });
  });
});

describe('hdiutil info', () => {
  it('names an image that is attached and mounted nowhere, with its whole disk', () => {
    const entities = '<array><dict><key>dev-entry</key><string>/dev/disk4s1</string></dict></array>';
    const image = `<key>image-path</key><string>/private/a.dmg</string><key>system-entities</key>${entities}`;
    const text = `<plist version="1.0"><dict><key>images</key><array><dict>${image}</dict></array></dict></plist>`;
    expect(parseHdiutilInfo(out(text))).toEqual({
      ok: true,
      value: [{ device: '/dev/disk4', mountPoint: null, imagePath: '/private/a.dmg' }],
    });
  });
});

describe('diskutil apfs list', () => {
  const plist = (containers: string) =>
    parseApfsList(out(`<plist version="1.0"><dict><key>Containers</key><array>${containers}</array></dict></plist>`));
  const NAMED = '<key>ContainerReference</key><string>disk3</string>';
  it('with a container that does not say its device is no list', () => {
    expect(plist(`<dict>${NAMED}<key>Volumes</key><array/></dict>`)).toMatchObject({ value: [{ systems: [] }] });
    expect(plist(`<dict>${NAMED}</dict><dict><key>Volumes</key><array/></dict>`)).toMatchObject(REASON);
    expect(plist(`<dict>${NAMED}</dict><string>disk5</string>`)).toMatchObject(REASON);
  });

  it.each(['', '<key>Volumes</key><string/>', '<key>Volumes</key><array><string>disk3s1</string></array>'])(
    'with volumes that it does not say (%j) does not say that there is no system',
    (volumes) => {
      expect(plist(`<dict>${NAMED}${volumes}</dict>`)).toMatchObject({ ok: true, value: [{ systems: null }] });
    },
  );
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

describe('a line longer than any of a Mac', () => {
  const blanks = ' '.repeat(5000);
  it('is no value, and no row that may be passed over', () => {
    expect(parseCsrutil(out(`System Integrity Protection status:${blanks}enabled.\n`))).toMatchObject(REASON);
    expect(parseNvram(out(`boot-args\t${'x'.repeat(5000)}\n`), 'boot-args')).toMatchObject(REASON);
    const table = 'Index Refs Address Size Wired Name (Version) UUID <Linked Against>\n';
    expect(parseShowLoaded(out(`${table}${blanks}1 1 0 0 0 com.x (1)\n`))).toMatchObject(REASON);
  });

  it('takes nothing from the lines around it', () => {
    expect(parseCsrutil(out(`${blanks}\nSystem Integrity Protection status: enabled.\n`))).toMatchObject({ ok: true });
  });
});
