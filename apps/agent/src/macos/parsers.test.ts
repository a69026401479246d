/** What no capture shows: forms that real Macs may print, and forms that must stay unknown. Captured forms: test/captures. */
import { describe, expect, it } from 'vitest';
import { parseBputil } from './bputil.ts';
import { parseCsrutil } from './csrutil.ts';
import { parseDf } from './df.ts';
import { parseListUsers } from './diskutil.ts';
import { parseFdesetup } from './fdesetup.ts';
import { parseInspect, parseShowLoaded } from './kmutil.ts';
import { kmutilCreateArgs, kmutilCreateFailure } from './kmutil-create.ts';
import { parseAcl } from './ls.ts';
import { parseNvram } from './nvram.ts';
import { appleSigned, type PackageSignature, parsePackageInfo, parsePayloadKernels } from './pkgutil.ts';
import { parseGuestProcesses } from './ps.ts';
import { recoveryAdminsIn } from './recovery-admins.ts';
import { parseSoftwareUpdate } from './softwareupdate.ts';
import { parseSysctl, sysctlValue } from './sysctl.ts';
import { parseHardware, parseShownPolicy } from './system-profiler.ts';
import { parseKernelVersion, parseUname } from './uname.ts';

const out = (stdout: string, stderr = '', exitCode = 0) => ({ exitCode, stdout, stderr });

describe('pkgutil --payload-files', () => {
  it('names the kernels of Apple silicon, and no symbols or folders beside them', () => {
    const kernels = './Library/Developer/KDKs/KDK_14.5_23F79.kdk/System/Library/Kernels';
    const names = [
      'kernel.development',
      'kernel.development.t6020',
      'kernel.release.t8112',
      'kernel.development.vmapple',
    ];
    const lines = ['.', ...names, 'kernel.development.t8112.dSYM/Contents', 'kernel.kasan.t8112'].map((name) =>
      name === '.' ? name : `${kernels}/${name}`,
    );
    for (const end of ['\n', '\r\n'])
      expect(parsePayloadKernels(out(lines.join(end)))).toEqual([
        'kernel.development.t6020',
        'kernel.development.vmapple',
      ]);
    expect(parsePayloadKernels(out('Could not open package: x\n'))).toEqual([]);
  });
});

describe('uname', () => {
  const text = (word: string, train = 'xnu-10063.121.3~5') =>
    `Darwin Kernel Version 23.5.0: Wed May  1 20:12:39 PDT 2024; root:${train}/${word}`;

  it.each([
    ['MY_PATCH_ARM64_T6020', 'other', 'T6020'],
    ['BETTER_ARM64_T8132', 'other', 'T8132'],
    ['release_ARM64_t6000', 'release', 'T6000'],
  ])('reads a patched kernel: %s', (word, config, variant) => {
    expect(parseUname(out(text(word)))).toMatchObject({ ok: true, value: { config, variant, appleSilicon: true } });
  });

  it('reads a kernel built by hand, with a longer path', () => {
    const version = parseKernelVersion(
      text('DEVELOPMENT_ARM64_T6000', 'xnu-8796.141.3/BUILD/obj').replace('root:', 'me:'),
    );
    expect(version).toMatchObject({ config: 'development', variant: 'T6000', xnu: '8796.141.3' });
  });

  it('does not guess a variant from another form', () => {
    expect(parseUname(out(text('RELEASE_RISCV_X1')))).toMatchObject({ ok: false });
    expect(parseUname(out('Linux host 6.1.0 #1 SMP x86_64 GNU/Linux'))).toMatchObject({ ok: false });
  });
});

describe('sysctl', () => {
  it('keeps what is known when one name is not', () => {
    const values = parseSysctl(out('kern.uuid: A\r\nkern.bootargs:', "sysctl: unknown oid 'kern.filesetuuid'", 1), [
      'kern.uuid',
      'kern.bootargs',
      'kern.filesetuuid',
    ]);
    expect(sysctlValue(values, 'kern.uuid')).toEqual({ ok: true, value: 'A' });
    expect(sysctlValue(values, 'kern.bootargs')).toEqual({ ok: true, value: '' });
    expect(sysctlValue(values, 'kern.filesetuuid')).toMatchObject({ ok: false });
  });
});

describe('nvram', () => {
  it('tells empty from unset, and either from a failure', () => {
    expect(parseNvram(out('boot-args\t\n'), 'boot-args')).toEqual({ ok: true, value: { present: true, value: '' } });
    expect(parseNvram(out('boot-args-x\tno'), 'boot-args')).toMatchObject({ ok: false });
    expect(parseNvram(out('', 'nvram: not running as root', 1), 'boot-args')).toMatchObject({ ok: false });
  });

  it('reads escaped bytes', () => {
    expect(parseNvram(out('boot-args\ta%25b%09c'), 'boot-args')).toEqual({
      ok: true,
      value: { present: true, value: 'a%b\tc' },
    });
  });
});

describe('what another Mac or release may print', () => {
  it('nvram: encoded text stays what it is, the NUL of a C text goes, other bytes are unknown', () => {
    const value = (text: string) => parseNvram(out(`boot-args\t${text}\r\n`), 'boot-args');
    expect(value('a=1 b=%25x%c3%a9%00')).toEqual({ ok: true, value: { present: true, value: 'a=1 b=%x\u00e9' } });
    expect(value('-v')).toEqual({ ok: true, value: { present: true, value: '-v' } });
    expect(value('a=%ff%fe')).toMatchObject({ ok: false });
  });

  it('kmutil inspect: a version may lack, a row of Apple that cannot be read makes it unknown', () => {
    const row = 'com.apple.a\t1.0\t/System/Library/Extensions/a.kext';
    expect(parseInspect(out(`${row}\ncom.apple.b\t\t/b b.kext`))).toMatchObject({
      value: [{ id: 'com.apple.a' }, { id: 'com.apple.b', version: '', path: '/b b.kext' }],
    });
    expect(parseInspect(out(`Executing: kmutil\n${row}`))).toMatchObject({ value: [{ id: 'com.apple.a' }] });
    expect(parseInspect(out(row.replace('com.apple', 'org.other')))).toMatchObject({ ok: false });
    expect(parseInspect(out(`${row}\ncom.apple.c`))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('com.apple.c'),
    });
  });

  it('softwareupdate: an update in another form is not "none"', () => {
    const found = 'Software Update found the following new or updated software:';
    const label = '* Label: macOS Sequoia 15.1-24B82';
    for (const second of ['\tTitel: macOS Sequoia 15.1, Version: 15.1,', ''])
      expect(parseSoftwareUpdate(out(`${found}\n${label}\n${second}\n`))).toMatchObject({ ok: false });
    expect(parseSoftwareUpdate(out(`${found}\n   * macOS Mojave 10.14.6\n`))).toMatchObject({ ok: false });
    expect(parseSoftwareUpdate(out(`${found}\n`))).toMatchObject({ ok: false });
    expect(parseSoftwareUpdate(out('', 'No new software available.\n'))).toEqual({ ok: true, value: [] });
  });

  it('diskutil: a user without a kind is not nobody', () => {
    const text = (field: string) =>
      `Cryptographic users for disk3s1 (1 found)\n|\n+-- 2457711A-523C-4604-B75A-F48A571D5036\n    ${field}: Local Open Directory User\n    Volume Owner: Yes\n`;
    expect(parseListUsers(out(text('Type')))).toMatchObject({ value: [{ volumeOwner: true }] });
    expect(parseListUsers(out(text('Typ')))).toMatchObject({ ok: false });
  });

  it('system_profiler: log lines before the JSON are passed over, and a part of a cut one is no whole', () => {
    const json = '{"SPHardwareDataType": [\n  {\n"chip_type": "Apple M2"\n}\n]}';
    expect(parseHardware(out(`[info] hello\n{x}\r\n${json}\n`))).toMatchObject({ value: { chip: 'Apple M2' } });
    expect(parseHardware(out(json.slice(0, -1)))).toMatchObject({ ok: false });
  });

  it('ps: a list without launchd is not a list of all', () => {
    expect(parseGuestProcesses(out('usage: ps [-AaCcEefhjlMmrSTvwXx]\n'))).toMatchObject({ ok: false });
    expect(parseGuestProcesses(out('/sbin/launchd\r\n/usr/libexec/logd'))).toEqual({ ok: true, value: 0 });
  });
});

describe('localised or damaged text is unknown, not wrong', () => {
  it.each([
    ['csrutil', parseCsrutil(out('Status des Systemintegritätsschutzes: aktiviert.'))],
    ['csrutil without detail', parseCsrutil(out('System Integrity Protection status: unknown.'))],
    ['fdesetup', parseFdesetup(out('FileVault ist aktiviert.'))],
    ['system_profiler', parseShownPolicy(out('{"SPiBridgeDataType":[{"ibridge_secure_boot":"Volle Sicherheit"}]}'))],
    ['kmutil showloaded', parseShowLoaded(out('', 'Error Domain=KMErrorDomain Code=27', 1))],
    ['ps', parseGuestProcesses(out(''))],
    ['df', parseDf(out('Filesystem 1024-blocks Used Available Capacity Mounted on'))],
  ])('%s', (_tool, reading) => {
    expect(reading).toMatchObject({ ok: false, reason: expect.stringMatching(/./) });
  });

  it('does not take translated labels in a policy for missing values', () => {
    const text = 'Sicherheitsmodus:   Reduziert  (smb0): 1\nUnbekannt: (coih): kaputt\n';
    expect(parseBputil(out(text), null)).toMatchObject({
      ok: true,
      value: { securityMode: 'reduced', customKernel: null },
    });
  });
});

it.each([
  ['7f', '7f'],
  ['0x7F', '7f'],
  ['absent', 'absent'],
  ['0x', null],
  ['Customized', null],
])('bputil: SIP flags %s are %s', (printed, sip0) => {
  const text = `Security Mode: Full (smb0): absent\nSIP Status: Customized (sip0): ${printed}\n`;
  expect(parseBputil(out(text), null)).toMatchObject({ ok: true, value: { sip0 } });
});

describe('ls -lde', () => {
  const folder = (sign: string): string => `drwxr-xr-x${sign}  6 root  wheel  192 Nov  1 08:00 /Library/Headroom\n`;
  it.each<[string, string, readonly string[] | null]>([
    ['none', folder(' '), []],
    ['extended attributes only', folder('@ '), []],
    [
      'entries',
      `${folder('+ ')} 0: group:everyone deny delete\n 1: user:bob allow add_file\n`,
      ['group:everyone deny delete', 'user:bob allow add_file'],
    ],
    ['a list that is not shown', folder('+ '), null],
    ['an entry of another form', `${folder('+ ')} user:bob\n`, null],
    ['nothing', '', null],
  ])('%s', (_name, text, entries) => {
    const reading = parseAcl(out(text));
    expect(reading.ok ? reading.value : null).toEqual(entries);
  });
});

describe('AdminUserRecoveryInfo.plist', () => {
  const UUID = '2457711A-523C-4604-B75A-F48A571D5036';
  it('gives short names and UUIDs', () => {
    const list = { zoe: { GeneratedUID: UUID.toLowerCase(), RealName: 'Zoe' }, anna: { GeneratedUID: UUID } };
    expect(recoveryAdminsIn(list)).toEqual({
      ok: true,
      value: [
        { user: 'anna', uuid: UUID },
        { user: 'zoe', uuid: UUID },
      ],
    });
    expect(recoveryAdminsIn({})).toEqual({ ok: true, value: [] });
  });

  it.each([[{ anna: 'x' }], [{ anna: {} }], [{ anna: { GeneratedUID: 'no' } }], [{ 'a/b': { GeneratedUID: UUID } }]])(
    'is unknown as a whole with an entry of another form: %j',
    (list) => {
      expect(recoveryAdminsIn(list)).toMatchObject({ ok: false });
    },
  );
});

describe('PackageInfo', () => {
  it.each([
    ['<pkg-info a="1" identifier="com.apple.pkg.KDK.23F79" version="1">', 'com.apple.pkg.KDK.23F79'],
    ["<?xml?>\n<pkg-info identifier = 'com.apple.pkg.KDK.23F79'/>", 'com.apple.pkg.KDK.23F79'],
    ['<pkg-info xidentifier="com.apple.pkg.KDK.23F79">', null],
    ['<pkg-info identifier="a.b" identifier="com.apple.pkg.KDK.23F79">', null],
    ['<bundle identifier="com.apple.pkg.KDK.23F79"/>', null],
    ['<pkg-info identifier="../x">', null],
    ['', null],
  ])('%s', (text, id) => {
    const reading = parsePackageInfo(text);
    expect(reading.ok ? reading.value : null).toBe(id);
  });
});

describe('diskutil apfs listUsers', () => {
  const text = [
    'Cryptographic users for disk3s1s1 (2 found)',
    '|',
    '+-- 2457711a-523c-4604-b75a-f48a571d5036',
    '|   Type: Local Open Directory User',
    '|   Volume Owner: Yes',
    '|',
    '+-- EBC6C064-0000-11AA-AA11-00306543ECAC',
    '    Type: Personal Recovery User',
    '    Volume Owner: Yes',
  ].join('\n');

  it('reads users with their type', () => {
    expect(parseListUsers(out(text))).toEqual({
      ok: true,
      value: [
        { uuid: '2457711A-523C-4604-B75A-F48A571D5036', type: 'Local Open Directory User', volumeOwner: true },
        { uuid: 'EBC6C064-0000-11AA-AA11-00306543ECAC', type: 'Personal Recovery User', volumeOwner: true },
      ],
    });
    expect(parseListUsers(out('No cryptographic users for disk3s1s1'))).toEqual({ ok: true, value: [] });
    expect(parseListUsers(out('', 'Error', 1))).toMatchObject({ ok: false });
  });
});

describe('ps', () => {
  it('counts guest processes only', () => {
    const guest =
      '/System/Library/Frameworks/Virtualization.framework/Versions/A/XPCServices/com.apple.Virtualization.VirtualMachine.xpc/Contents/MacOS/com.apple.Virtualization.VirtualMachine';
    const text = [
      '/sbin/launchd',
      guest,
      guest,
      '/tmp/com.apple.Virtualization.VirtualMachine.helper',
      'grep com.apple.Virtualization.VirtualMachine',
    ];
    expect(parseGuestProcesses(out(text.join('\n')))).toEqual({ ok: true, value: 2 });
  });
});

describe('appleSigned', () => {
  const apple: PackageSignature = {
    status: 'signed Apple Software',
    chain: [
      { name: 'Software Update', fingerprint: null },
      { name: 'Apple Software Update Certification Authority', fingerprint: null },
      { name: 'Apple Root CA', fingerprint: '611E5B662C593A08FF58D14AE22452D198DF6C60' },
    ],
  };
  const [leaf, issuer, root] = apple.chain;

  it('takes Apple, and Apple with an expired leaf', () => {
    expect(appleSigned(apple)).toEqual({ appleSigned: true });
    expect(appleSigned({ ...apple, status: 'signed by a certificate that has since expired' })).toEqual({
      appleSigned: true,
    });
  });

  it.each([
    ['another status', { ...apple, status: 'signed by a certificate trusted by macOS' }],
    [
      'a root of the same name',
      { ...apple, chain: [leaf, issuer, { name: 'Apple Root CA', fingerprint: '00'.repeat(20) }] },
    ],
    ['a root without fingerprint', { ...apple, chain: [leaf, issuer, { name: 'Apple Root CA', fingerprint: null }] }],
    [
      'a Developer ID issuer',
      { ...apple, chain: [leaf, { name: 'Developer ID Certification Authority', fingerprint: null }, root] },
    ],
    [
      'an expired Developer ID',
      {
        status: 'signed by a certificate that has since expired',
        chain: [{ name: 'Developer ID Installer: X', fingerprint: null }, issuer, root],
      },
    ],
    ['a longer chain', { ...apple, chain: [leaf, leaf, issuer, root] }],
    ['no chain', { ...apple, chain: [] }],
  ])('refuses %s', (_what, signature) => {
    expect(appleSigned(signature as PackageSignature)).toMatchObject({
      appleSigned: false,
      reason: expect.stringMatching(/expected/),
    });
  });
});

describe('kmutil create', () => {
  const ended = {
    command: 'kmutil',
    signal: null,
    missing: false,
    timedOut: false,
    aborted: false,
    outputCut: false,
    startError: null,
  };

  it('asks for the exact kernel and every bundle once', () => {
    const args = kmutilCreateArgs({
      bootPath: '/o.kc',
      kdk: '/K.kdk',
      variant: 'T6020',
      bundles: ['com.apple.a', 'com.apple.b'],
    });
    expect(args.slice(args.indexOf('--kernel'))).toEqual([
      ...['--kernel', '/K.kdk/System/Library/Kernels/kernel.development.t6020'],
      ...['--repository', '/K.kdk/System/Library/Extensions'],
      ...['--repository', '/System/Library/Extensions', '--repository', '/System/Library/DriverExtensions'],
      ...['--explicit-only', '-b', 'com.apple.a', '-b', 'com.apple.b'],
    ]);
  });

  it.each([
    ['Error Domain=NSPOSIXErrorDomain Code=28 "No space left on device"', 1, 'KC_DISK_FULL'],
    ["'com.apple.driver.kernelX' names a dependency on 'com.apple.y', which was not found.", 1, 'KC_DEPENDENCY'],
    ['something new', 1, 'KC_CREATE_FAILED'],
    ['Error Domain=KMErrorDomain Code=99 "new"', 0, 'KC_CREATE_FAILED'],
  ])('maps %s', (stderr, exitCode, code) => {
    expect(kmutilCreateFailure({ ...ended, exitCode, stdout: '', stderr })).toBe(code);
  });

  it('tells a kill', () => {
    const killed = { ...ended, exitCode: null, stdout: '', stderr: '', signal: 'SIGKILL' };
    expect(kmutilCreateFailure(killed)).toBe('KC_KILLED');
  });

  it('tells the time limit', () => {
    expect(kmutilCreateFailure({ ...ended, exitCode: null, stdout: '', stderr: '', timedOut: true })).toBe(
      'KC_TIMED_OUT',
    );
  });
});
