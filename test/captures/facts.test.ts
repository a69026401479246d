/** Facts as a whole, on a Mac made of captures: values, unknowns, and that one broken tool costs only its own facts. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Facts, factsFromUnknown } from '@headroom/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { collectFacts, factsSha256 } from '../../apps/agent/src/facts/index.ts';
import { readVisitKit } from '../../apps/agent/src/facts/visit-files.ts';
import { valueOrNull } from '../../apps/agent/src/macos/reading.ts';
import { WITNESS_FILE } from '../../apps/agent/src/paths.ts';
import { buildBundleFile, buildKernelCollection, buildKernelFile } from '../../packages/mac-sim/src/kernel/index.ts';
import { FIXTURES } from './capture.ts';
import { unexplained } from './nulls.ts';
import { GROUP, raisedMac, SESSION, StubMac } from './stub/stub-mac.ts';

const SYSTEM = { build: '24B82', osVersion: '15.1' };
const KERNEL_TEXT =
  'Darwin Kernel Version 24.1.0: Thu Oct 10 21:26:49 PDT 2024; root:xnu_development-11215.41.3~2/DEVELOPMENT_ARM64_T6020';
const KC = buildKernelCollection({
  kernelFile: buildKernelFile({ versionText: KERNEL_TEXT, codeSizeBytes: 4096, ...SYSTEM }),
  bundles: ['com.apple.a', 'com.apple.b'].map((id) => ({
    id,
    version: '1',
    binary: buildBundleFile({ id, version: '1', ...SYSTEM }),
  })),
  build: SYSTEM.build,
});
const SHA256 = createHash('sha256').update(KC.bytes).digest('hex');
const MD5 = createHash('md5').update(KC.bytes).digest('hex');

let macs: StubMac[] = [];
afterEach(() => {
  for (const { sysroot } of macs) rmSync(sysroot, { recursive: true });
  macs = [];
});

function mac(made: StubMac = raisedMac(KC.uuid)): StubMac {
  macs.push(made);
  return made;
}

async function factsOf({ sysroot }: StubMac): Promise<Facts> {
  const facts = await collectFacts({ sysroot, ordinal: () => 7 });
  expect(factsFromUnknown(JSON.parse(JSON.stringify(facts)))).toMatchObject({ ok: true });
  expect(unexplained(facts)).toEqual([]);
  return facts;
}

describe('facts of a raised Mac', () => {
  it('hold what its tools print', async () => {
    expect(await factsOf(mac())).toMatchObject({
      os: { version: '15.1', build: '24B82', extra: '', baseBuild: '24B82' },
      kernel: { config: 'development', variant: 'T6020', darwin: '23.0.0', filesetUuid: KC.uuid },
      hardware: {
        model: 'Mac14,9',
        chip: 'Apple M2',
        appleSilicon: true,
        virtualMachine: false,
        serial: 'C02XK0FAKE1',
      },
      bootArgs: { storedPresent: true, stored: 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF' },
      sip: { status: 'disabled', flags: null },
      bootPolicy: {
        securityMode: 'permissive',
        bootArgsFiltering: false,
        sip0: '7f',
        paired: false,
        auxiliaryKexts: false,
      },
      volumes: {
        group: GROUP,
        startupDefault: true,
        otherSystems: [],
        owners: [{ user: 'anna', uuid: '2457711A-523C-4604-B75A-F48A571D5036' }],
        recoveryAdmins: [{ user: 'anna', uuid: '2457711A-523C-4604-B75A-F48A571D5036' }],
      },
      fileVault: 'on',
      mdm: { enrolled: true, userApproved: true },
      disk: { freeBytes: 1897427308544 },
      auxiliaryKexts: [],
      update: { pending: [{ version: '13.3.1', build: '22E261' }] },
      guests: { processesAtMost: 1, derivedQuota: 255 },
      boot: { sessionId: SESSION, ordinal: 7, time: '2024-05-29T10:53:20.000Z' },
      visitKit: null,
      receipt: null,
    });
  });

  it('hold the collections, the kit and the receipt that lie on it', async () => {
    const stub = mac();
    stub.file('/var/db/headroom/kc/24B82-T6020.kc', KC.bytes);
    stub.file('/var/db/headroom/kc/24B82-T6020.kc.json', '{"build":"24B82","variant":"t6020"}');
    stub.file('/Library/Headroom/KernelCollection.kc', KC.bytes);
    for (const script of ['raise', 'check', 'revert']) stub.file(`/Library/Headroom/${script}`, '#!/bin/sh\n');
    const manifest = [
      'headroom-manifest=1',
      'visit=V1',
      'quota=255',
      'kc-file=KernelCollection.kc',
      `kc-md5=${MD5}`,
      'build=24B82',
      'variant=T6020',
      'agent-version=0.1.0',
    ];
    const whole = `${manifest.join('\n')}\n`;
    stub.file('/Library/Headroom/manifest', whole);
    stub.file('/Library/Headroom/BREAK-GLASS.txt', 'Hold the power button.');
    const receipt = [
      'headroom-receipt=1',
      'visit=V1',
      'nonce=abc',
      'at=2026-01-02T03:04:05Z',
      'step-csrutil=skipped',
      'step-configure-boot=0',
      'step-nvram=1',
      'coih=absent',
      'sip=7f',
      'boot-args-filtering=off',
      'outcome=done',
    ];
    stub.file('/Library/Headroom/receipt', `${receipt.join('\n')}\n`);
    const collection = { build: '24B82', variant: 'T6020', sha256: SHA256, md5: MD5, uuid: KC.uuid, bundles: 2 };
    const facts = await factsOf(stub);
    expect(facts.kernelCollections).toEqual([
      { path: '/var/db/headroom/kc/24B82-T6020.kc', ...collection },
      { path: '/Library/Headroom/KernelCollection.kc', ...collection },
    ]);
    expect(facts.visitKit).toEqual({ visitId: 'V1', quota: 255, kcSha256: SHA256, complete: true, armed: true });
    expect(facts.receipt).toEqual({
      visitId: 'V1',
      nonce: 'abc',
      writtenAt: '2026-01-02T03:04:05Z',
      steps: { 'configure-boot': 0, nvram: 1 },
      customKernel: 'absent',
      outcome: 'done',
    });
    const kit = async () => valueOrNull(await readVisitKit({ sysroot: stub.sysroot }));
    for (const cut of ['check', 'raise', 'BREAK-GLASS.txt'].map((name) => `/Library/Headroom/${name}`)) {
      const text = cut.endsWith('txt') ? 'Hold the power button.' : '#!/bin/sh\n';
      stub.remove(cut);
      expect(await kit(), cut).toMatchObject({ visitId: 'V1', complete: false });
      if (!cut.endsWith('txt')) {
        stub.file(cut, text.slice(0, 4));
        expect(await kit(), cut).toMatchObject({ complete: false, armed: true });
      }
      stub.file(cut, text);
    }
    for (let length = 0; length < whole.length; length += 1) {
      stub.file('/Library/Headroom/manifest', whole.slice(0, length));
      expect(await kit(), `${length} bytes of the manifest`).toMatchObject({ complete: false, armed: true });
    }
    stub.file('/Library/Headroom/manifest', whole);
    expect(await kit()).toMatchObject({ complete: true });
    stub.file('/Library/Headroom/KernelCollection.kc', Buffer.concat([KC.bytes, Buffer.from('x')]));
    expect((await factsOf(stub)).kernelCollections?.[1]?.md5).not.toBe(MD5);
    expect(await kit()).toMatchObject({ complete: false });
  });

  it('name another system, and none where a volume does not say what it is', async () => {
    const list = readFileSync(join(FIXTURES, 'diskutil/apfs-list.plist'), 'utf8');
    const own =
      /<dict>\s*<key>APFSVolumeUUID<\/key>\s*<string>E31E412F[\s\S]*?<\/array>\s*<\/dict>/.exec(list)?.[0] ?? '';
    const other = own.replace('disk3s1<', 'disk3s11<').replace('E31E412F', 'AAAA412F').replace('Macintosh HD', 'Test');
    const systemsWith = async (text: string) => {
      const stub = mac();
      stub.file('/usr/sbin/diskutil.out/2', text);
      return (await factsOf(stub)).volumes.otherSystems;
    };
    expect(await systemsWith(list.replace(own, own + other))).toEqual([
      { name: 'Test', systemUuid: 'AAAA412F-8B2E-AB52-EDB9-BC296ED8A4DD' },
    ]);
    expect(await systemsWith(list.replace(own, other))).toBe(null);
    expect(await systemsWith(list.replace(/<key>Roles<\/key>/, '<key>Rollen</key>'))).toBe(null);
  });

  it('name the system volume by its own UUID, not by that of the snapshot which runs', async () => {
    const systemUuidOf = async (change: (stub: StubMac) => void) => {
      const stub = mac();
      const info = readFileSync(join(FIXTURES, 'diskutil/info-root-as.plist'), 'utf8');
      stub.file('/usr/sbin/diskutil.out/0', info.replace('<dict>', '<dict><key>APFSSnapshot</key><true/>'));
      change(stub);
      const { volumes, unknown } = await factsOf(stub);
      return volumes.systemUuid ?? unknown['volumes.systemUuid'];
    };
    const list = '/usr/sbin/diskutil.out/2';
    expect(await systemUuidOf(() => {})).toBe('E31E412F-8B2E-AB52-EDB9-BC296ED8A4DD');
    expect(await systemUuidOf((stub) => stub.file(list, 'no list'))).toMatch(/^a snapshot .* runs, .*"no list"/);
    expect(await systemUuidOf(({ sysroot }) => replaceIn(sysroot, list, 'disk3s1<', 'disk3s11<'))).toMatch(/not name/);
    const otherDisk =
      '<key>Containers</key>\n\t<array><dict><key>ContainerReference</key><string>disk9</string></dict>';
    expect(
      await systemUuidOf(({ sysroot }) => replaceIn(sysroot, list, '<key>Containers</key>\n\t<array>', otherDisk)),
    ).toBe('E31E412F-8B2E-AB52-EDB9-BC296ED8A4DD');
  });

  it('give no identity to a collection that is damaged', async () => {
    const stub = mac();
    stub.file('/var/db/headroom/kc/cut.kc', KC.bytes.subarray(0, 4000));
    const { kernelCollections, unknown } = await factsOf(stub);
    expect(kernelCollections).toMatchObject([{ build: null, variant: null, uuid: null, bundles: null }]);
    expect(unknown).toMatchObject({
      'kernelCollections[0].build': expect.stringContaining('sidecar'),
      'kernelCollections[0].uuid': expect.stringMatching(/./),
    });
  });

  it.each<[string, (stub: StubMac) => void, string, RegExp]>([
    [
      'an owner of a kind that is translated',
      ({ sysroot }) => replaceIn(sysroot, '/usr/sbin/diskutil.out/3', 'Local Open', 'Lokaler Open'),
      'volumes.owners',
      /Lokaler Open/,
    ],
    [
      'an owner whom recoveryOS does not list',
      (stub) => stub.remove(`/System/Volumes/Preboot/${GROUP}/var/db/AdminUserRecoveryInfo.plist`),
      'volumes.owners[0].user',
      /AdminUserRecoveryInfo/,
    ],
    [
      'an update whose label ends in no build',
      ({ sysroot }) => replaceIn(sysroot, '/usr/sbin/softwareupdate.out/0', '-22E261', ''),
      'update.pending[0].build',
      /label/,
    ],
    [
      'kernel configs that contradict each other',
      ({ sysroot }) =>
        replaceIn(sysroot, '/usr/sbin/sysctl.out/0', 'osbuildconfig: development', 'osbuildconfig: release'),
      'kernel.config',
      /osbuildconfig says release, uname development/,
    ],
    [
      'flags of a custom SIP that are translated',
      (stub) =>
        stub.file(
          '/usr/bin/csrutil.out/0',
          'System Integrity Protection status: unknown (Custom Configuration).\n\n\tKext-Signatur: aktiviert\n',
        ),
      'sip.flags',
      /flags/,
    ],
    [
      'a remark on the MDM enrolment that is translated',
      (stub) => stub.file('/usr/bin/profiles.out/0', 'MDM enrollment: Yes (Vom Benutzer genehmigt)\n'),
      'mdm.userApproved',
      /remark/,
    ],
    ['a damaged witness', (stub) => stub.file(WITNESS_FILE, '{"macosGuests":'), 'guests.witness', /damaged/],
  ])('leave unknown %s', async (_what, change, path, reason) => {
    const stub = mac();
    change(stub);
    const { unknown, guests } = await factsOf(stub);
    expect(unknown[path]).toMatch(reason);
    if (path === 'kernel.config') expect(guests.derivedQuota).toBe(null);
  });
});

function replaceIn(sysroot: string, file: string, from: string, to: string): void {
  const text = readFileSync(join(sysroot, file), 'utf8');
  expect(text).toContain(from);
  writeFileSync(join(sysroot, file), text.replaceAll(from, to));
}

describe('one broken tool', () => {
  const TOOLS: Readonly<Record<string, readonly string[]>> = {
    '/usr/bin/sw_vers': ['os.version', 'os.build', 'os.extra', 'os.baseBuild'],
    '/usr/bin/uname': ['kernel.variant', 'kernel.darwin', 'kernel.xnu', 'kernel.versionText', 'hardware.appleSilicon'],
    '/usr/sbin/sysctl': [
      ...['kernel.uuid', 'kernel.filesetUuid', 'hardware.virtualMachine', 'bootArgs.inForce', 'guests.derivedQuota'],
      ...['boot.sessionId', 'boot.ordinal', 'boot.time'],
    ],
    '/usr/sbin/nvram': ['bootArgs.stored', 'bootArgs.storedPresent', 'volumes.startupDefault'],
    '/usr/bin/csrutil': ['sip.status', 'sip.flags'],
    '/usr/bin/bputil': ['bootPolicy.customKernel', 'bootPolicy.sip0', 'bootPolicy.paired', 'bootPolicy.auxiliaryKexts'],
    '/usr/sbin/system_profiler': ['hardware.chip'],
    '/usr/sbin/ioreg': [],
    '/usr/sbin/diskutil': [
      ...[
        'volumes.systemUuid',
        'volumes.dataUuid',
        'volumes.group',
        'volumes.systemName',
        'volumes.owners',
        'volumes.recoveryAdmins',
      ],
      ...[
        'volumes.startupDefault',
        'volumes.otherSystems',
        'disk.freeBytes',
        'bootPolicy.customKernel',
        'bootPolicy.sip0',
        'bootPolicy.paired',
        'bootPolicy.auxiliaryKexts',
      ],
    ],
    '/usr/bin/fdesetup': ['fileVault'],
    '/usr/bin/profiles': ['mdm.enrolled', 'mdm.userApproved'],
    '/usr/sbin/softwareupdate': ['update.pending'],
    '/usr/bin/kmutil': ['auxiliaryKexts'],
    '/bin/ps': ['guests.processesAtMost'],
  };
  const BREAKS: Readonly<Record<string, (stub: StubMac, tool: string) => void>> = {
    'is gone': (stub, tool) => stub.remove(tool),
    'prints nothing': (stub, tool) => void stub.tool(tool, { '*': '=' }),
  };
  let usual: readonly string[] = [];
  beforeAll(async () => {
    usual = Object.keys((await factsOf(mac())).unknown);
  });

  it.each(Object.keys(TOOLS).flatMap((tool) => Object.keys(BREAKS).map((how) => [tool, how] as const)))(
    '%s that %s costs only its own facts',
    async (tool, how) => {
      const stub = mac();
      BREAKS[how]?.(stub, tool);
      const lost = Object.keys((await factsOf(stub)).unknown).filter((path) => !usual.includes(path));
      expect(lost.sort()).toEqual([...(TOOLS[tool] ?? [])].sort());
    },
  );
});

describe('an update ahead', () => {
  const PROPOSED = `/System/Volumes/Preboot/${GROUP}/cryptex1/proposed/SystemVersion.plist`;
  const DECLARED = '/private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist';
  const plist = (xml: string) => `<?xml version="1.0"?><plist version="1.0">${xml}</plist>`;
  const entries = (values: Readonly<Record<string, string>>) =>
    `<dict>${Object.entries(values)
      .map(([key, value]) => `<key>${key}</key>${value.startsWith('<') ? value : `<string>${value}</string>`}`)
      .join('')}</dict>`;
  const system = (build: string) => plist(entries({ ProductVersion: '13.4', ProductBuildVersion: build }));
  const declared = (declarations: string) =>
    plist(entries({ SUCorePersistedStatePolicyFields: entries({ Declarations: declarations }) }));
  const updateOf = async (files: Readonly<Record<string, string>>) => {
    const stub = mac();
    for (const [path, text] of Object.entries(files)) stub.file(path, text);
    const { update, unknown, os } = await factsOf(stub);
    return { ...update, reasons: unknown, running: os.build };
  };

  it('is prepared when Preboot proposes another system, and never known not to be', async () => {
    expect(await updateOf({ [PROPOSED]: system('22F66') })).toMatchObject({
      prepared: true,
      preparedTarget: { version: '13.4', build: '22F66' },
    });
    const { running } = await updateOf({});
    const without: readonly Readonly<Record<string, string>>[] = [
      {},
      { [PROPOSED]: system(String(running)) },
      { [PROPOSED]: system('no build') },
    ];
    for (const files of without) {
      const { prepared, preparedTarget, reasons } = await updateOf(files);
      expect([prepared, preparedTarget]).toEqual([null, null]);
      expect(reasons['update.prepared']).toMatch(/not known to show|is the one that runs/);
    }
  });

  it('is enforced as its declaration says; one that is not understood makes all unknown', async () => {
    const one = entries({ TargetOSVersion: '13.4', TargetLocalDateTime: '2026-12-01T03:00:00' });
    const build = entries({
      TargetOSVersion: '14.1',
      TargetBuildVersion: '23B74',
      TargetLocalDateTime: '2026-11-01T03:00:00',
    });
    expect((await updateOf({ [DECLARED]: declared(entries({ a: one, b: build })) })).enforced).toEqual([
      { version: '14.1', build: '23B74', at: '2026-11-01T03:00:00' },
      { version: '13.4', build: null, at: '2026-12-01T03:00:00' },
    ]);
    const settings = entries({ SUCorePersistedStatePolicyFields: entries({ Other: '<dict/>' }) });
    expect((await updateOf({ [DECLARED]: plist(settings) })).enforced).toEqual([]);
    for (const text of [declared(entries({ a: one, b: entries({ TargetOSVersion: '15' }) })), plist('<dict/>'), 'x']) {
      const { enforced, reasons } = await updateOf({ [DECLARED]: text });
      expect(enforced).toBeNull();
      expect(reasons['update.enforced']).toBeTruthy();
    }
  });
});

describe('what MDM declares of updates', () => {
  const FIELDS = 'SUCorePersistedStatePolicyFields';
  const DECLARED = '/private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist';
  const plist = (xml: string) => `<?xml version="1.0"?><plist version="1.0">${xml}</plist>`;
  const settings = (xml: string) =>
    plist(
      `<dict><key>${FIELDS}</key><dict><key>SUCoreDDMDeclarationGlobalSettings</key><dict>${xml}</dict></dict></dict>`,
    );
  const local = plist('<dict><key>AutomaticallyInstallMacOSUpdates</key><integer>0</integer></dict>');

  it.each([
    ['nothing', null, false, null],
    ['that they install', settings('<key>automaticallyInstallOSUpdates</key><integer>1</integer>'), true, null],
    ['a deferral', settings('<key>minorOSDeferralPeriod</key><integer>90</integer>'), false, 90],
    ['something else', settings('<key>automaticallyInstallOSUpdates</key><string>x</string>'), null, null],
    ['what cannot be read', 'x', null, null],
  ])('%s: that counts more than what is set on the Mac', async (_what, text, autoInstall, deferralDays) => {
    const stub = mac();
    stub.file('/Library/Preferences/com.apple.SoftwareUpdate.plist', local);
    if (text !== null) stub.file(DECLARED, text);
    const { update, unknown } = await factsOf(stub);
    expect([update.autoInstall, update.deferralDays]).toEqual([autoInstall, deferralDays]);
    if (autoInstall === null) expect(unknown['update.autoInstall']).toBeTruthy();
  });
});

describe('facts without root', () => {
  it('take what system_profiler shows, and no custom kernel', async () => {
    const stub = mac();
    stub.tool('/usr/bin/bputil', { '*': 'bputil/not-root.stderr.txt' });
    const facts = await factsOf(stub);
    expect(facts.bootPolicy).toEqual({
      securityMode: 'permissive',
      bootArgsFiltering: false,
      customKernel: null,
      sip0: null,
      auxiliaryKexts: null,
      paired: null,
    });
    expect(facts.unknown['bootPolicy.customKernel']).toBe('bputil needs root');
  });
});

describe('base build', () => {
  const withSystem = async (swVers: string, kernelBuild: string) => {
    const stub = mac();
    stub
      .tool('/usr/bin/sw_vers', { '*': swVers })
      .tool('/usr/sbin/sysctl', { '*': `=kern.osversion: ${kernelBuild}\n` });
    return (await factsOf(stub)).os.baseBuild;
  };

  it('of a rapid response is the build that the kernel names, if it is another of the same train', async () => {
    expect(await withSystem('sw_vers/13.4.1-c.txt', '22F82')).toBe('22F82');
    expect(await withSystem('sw_vers/13.4.1-c.txt', '22F770820d')).toBeNull();
    expect(await withSystem('sw_vers/13.4.1-c.txt', '22E252')).toBeNull();
  });

  it('is unknown when system and kernel contradict each other', async () => {
    expect(await withSystem('sw_vers/15.1.txt', '24B82')).toBe('24B82');
    expect(await withSystem('sw_vers/15.1.txt', '24A335')).toBeNull();
  });
});

describe('an empty Mac', () => {
  it('gives facts that are all unknown, each with its reason', async () => {
    const facts = await factsOf(mac(new StubMac()));
    expect(facts.kdks).toEqual([]);
    expect(Object.keys(facts.unknown).length).toBeGreaterThan(40);
  });
});

describe('factsSha256', () => {
  it('stays while nothing that counts changes', async () => {
    const facts = await factsOf(mac());
    const hash = factsSha256(facts);
    expect(factsSha256(JSON.parse(JSON.stringify({ ...facts, os: { ...facts.os } })))).toBe(hash);
    expect(factsSha256({ ...facts, disk: { freeBytes: (facts.disk.freeBytes ?? 0) + 1 } })).toBe(hash);
    expect(factsSha256({ ...facts, boot: { ...facts.boot, time: null } })).toBe(hash);
    expect(factsSha256({ ...facts, disk: { freeBytes: 1 } })).not.toBe(hash);
    expect(factsSha256({ ...facts, boot: { ...facts.boot, sessionId: null } })).not.toBe(hash);
    expect(factsSha256({ ...facts, fileVault: 'off' })).not.toBe(hash);
  });
});
