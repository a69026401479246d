/**
 * Goal: what is rendered equals real output byte for byte, wherever a capture of that shape exists. Each test puts the capture's
 * own values into a state; nothing is compared loosely.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { macFor } from '../catalogue/macs.ts';
import { systemFor } from '../catalogue/systems.ts';
import { composeState, osState } from '../create.ts';
import type { BootPolicy, SimState } from '../state-model.ts';
import { type ApfsContainer, apfsList, diskNotFound, diskutilOutputs, volumeInfo } from './disk-tools.ts';
import { sysctlOutputs, unameOutputs } from './kernel-tools.ts';
import { nvramOutputs, nvramVariableOutputs } from './nvram-tool.ts';
import type { Output } from './output.ts';
import {
  BPUTIL_BANNER,
  BPUTIL_NOT_ROOT,
  bputilOutputs,
  bputilText,
  csrutilOutputs,
  csrutilStatus,
} from './policy-tools.ts';
import { showLoadedOutputs } from './process-tools.ts';
import { careOutputs, ioregOutputs, profilerJson, swVersOutputs, systemProfilerOutputs } from './system-tools.ts';

const capture = (path: string): string =>
  readFileSync(new URL(`../../../../test/fixtures/macos/${path}`, import.meta.url), 'utf8');

const GROUP = '5C7D1F60-3A2B-4E19-9C44-0B7A6D2E8F13';
const SYSTEM = '9B3D5E72-4C1A-4F86-8D20-E7A6150C3B94';
const HOST = '3F2B8C14-7D60-5A91-B3E8-0C4D6A1F9E27';
const SERIAL = 'C02XK0FAKE1';

function state(version: string, build: string, variant: string, model?: string): SimState {
  const composed = composeState('capture', macFor(variant, model), systemFor(version, build), {});
  Object.assign(composed.volumes, { group: GROUP, systemUuid: SYSTEM });
  Object.assign(composed.hardware, { hostUuid: HOST, serial: SERIAL });
  return composed;
}

function boot(of: SimState, kernelVersionText = '', bootArgsInForce = '') {
  return {
    sessionId: GROUP,
    time: '2026-01-02T03:04:05.678Z',
    kernel: 'release' as const,
    kernelUuid: '52A1E876-863E-38E3-AC80-09BBAB13B752',
    filesetUuid: of.volumes.group,
    kernelVersionText,
    bootArgsInForce,
    honoursQuota: false,
  };
}

function find(outputs: readonly Output[], args: string): Output {
  const output = outputs.find((each) => each.args === args);
  if (output === undefined) throw new Error(`no output for: ${args}`);
  return output;
}

describe('sw_vers', () => {
  it.each([
    ['13.4.1-c', '13.4.1', '22F770820d'],
    ['14.0b4', '14.0', '23A5301h'],
    ['14.8.7', '14.8.7', '23J520'],
    ['15.1', '15.1', '24B82'],
    ['26.2', '26.2', '25C56'],
    ['26.3.1-fork', '26.3.1', '25D2128'],
    ['27.0-beta', '27.0', '26A5388g'],
  ])('%s', (file, version, build) => {
    const rendered = find(swVersOutputs(state(version, build, 'T6020')), '').out;
    expect(rendered).toBe(capture(`sw_vers/${file}.txt`));
  });

  it('prints nothing for an extra that is not installed', () => {
    const outputs = swVersOutputs(state('15.1', '24B82', 'T6020'));
    expect(find(outputs, '--productVersionExtra').out).toBe(capture('sw_vers/flag-productversionextra-empty.txt'));
  });
});

describe('uname -a', () => {
  it.each([
    ['a-t6000-27.0', 'host', '27.0', '26A428', 'T6000'],
    ['a-vmapple-14.5', 'Mac-1717160438331', '14.5', '23F79', 'VMAPPLE'],
    ['a-t8142-27.0-beta', 'MacBook-Air', '27.0', '26A5388g', 'T8142'],
  ])('%s', (file, host, version, build, variant) => {
    const of = state(version, build, variant);
    of.id = host.toLowerCase();
    const text =
      /Darwin Kernel Version .* arm64$/m.exec(capture(`uname/${file}.txt`))?.[0].replace(/ arm64$/, '') ?? '';
    const rendered = find(unameOutputs(of, boot(of, text)), '-a').out;
    expect(rendered.replace(`${of.id}.local`, `${host}.local`)).toBe(capture(`uname/${file}.txt`));
  });
});

describe('sysctl', () => {
  const line = (of: SimState, oid: string, bootArgs = ''): string =>
    find(sysctlOutputs(of, boot(of, '', bootArgs)), oid).out;

  it('every line of a whole capture that the simulator answers', () => {
    const of = state('26.6.2', '25G83', 'T6050');
    const text = /kern.version: (.*)/.exec(capture('sysctl/mac17-7-26.6.2.txt'))?.[1] ?? '';
    const outputs = sysctlOutputs(of, boot(of, text));
    const lines = capture('sysctl/mac17-7-26.6.2.txt').split('\n');
    const answered = lines.filter((each) => outputs.some(({ args }) => each.startsWith(`${args}: `)));
    for (const each of answered) expect(find(outputs, each.split(':')[0] ?? '').out).toBe(`${each}\n`);
    expect(answered.length).toBeGreaterThan(14);
  });

  it('boot arguments, a guest, a host', () => {
    const host = state('14.0', '23A5301h', 'T6020');
    const guest = state('14.5', '23F79', 'VMAPPLE');
    expect(line(host, 'kern.bootargs')).toBe(capture('sysctl/bootargs-empty.txt'));
    const args = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF';
    expect(line(host, 'kern.bootargs', args)).toBe(capture('sysctl/bootargs-quota.txt'));
    expect(line(host, 'kern.osbuildconfig')).toBe(capture('sysctl/osbuildconfig-release.txt'));
    const virtual = ['kern.hv_support', 'kern.hv_vmm_present', 'hw.model'].map((oid) => line(guest, oid)).join('');
    expect(virtual).toBe(capture('sysctl/guest-vm.txt'));
    const bare = ['kern.hv_support', 'kern.hv_vmm_present'].map((oid) => line(host, oid)).join('');
    expect(bare).toBe(capture('sysctl/host-not-vm.txt'));
  });
});

describe('nvram', () => {
  it.each(['boot-args-amfi.txt', 'boot-args-arm64e.txt', 'boot-args-quota.txt'])('%s', (file) => {
    const of = state('14.0', '23A5301h', 'T6020');
    of.nvram.stored['boot-args'] = capture(`nvram/${file}`).trimEnd().split('\t')[1] ?? '';
    expect(find(nvramVariableOutputs(of), 'boot-args').out).toBe(capture(`nvram/${file}`));
  });

  it('-p and -x', () => {
    const of = state('14.0', '23A5301h', 'T6020');
    of.nvram.stored['boot-volume'] = `EF57347C-0000-AA11-AA11-00306543ECAC:${SYSTEM}:${GROUP}`;
    expect(find(nvramOutputs(of), '-p').out).toBe(capture('nvram/p-excerpt-boot-volume.txt'));
    of.nvram.stored['boot-args'] = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF';
    expect(find(nvramOutputs(of), '-x boot-args').out).toBe(capture('nvram/x-boot-args.plist'));
  });
});

describe('csrutil', () => {
  const policy = (change: Partial<BootPolicy>): BootPolicy => ({
    ...state('15.1', '24B82', 'T8122').policy,
    ...change,
  });
  it.each([
    ['enabled.txt', {}],
    ['disabled.txt', { sip0: '7f', sip3: true }],
    ['custom-without-dtrace.txt', { sip0: '20', sip2: true }],
    ['custom-without-nvram.txt', { sip0: '40', sip3: true }],
  ])('%s', (file, change) => expect(csrutilStatus(policy(change))).toBe(capture(`csrutil/${file}`)));

  it('refuses in booted macOS, on stderr', () => {
    const outputs = csrutilOutputs(state('15.1', '24B82', 'T8122'));
    const refused = { out: '', err: capture('csrutil/disable-from-macos.stderr.txt'), status: 77 };
    expect(find(outputs, 'disable')).toMatchObject(refused);
    expect(find(outputs, 'authenticated-root status').out).toBe(capture('csrutil/authenticated-root-enabled.txt'));
  });
});

describe('bputil', () => {
  const READERS = {
    macos: { osType: 'macOS', paired: false, namesGroup: false },
    recovery: { osType: 'one true recoveryOS', paired: true, namesGroup: true },
  } as const;

  it.each([
    ['d-full-m1max-14.4.txt', READERS.macos],
    ['d-devkernel-ready.txt', READERS.macos],
    ['d-v-1tr-permissive-m2pro-15.7.5.txt', READERS.recovery],
  ])('%s', (file, reader) => {
    const text = capture(`bputil/${file}`);
    expect(bputilText(stateOfPolicy(text), reader)).toBe(text);
  });

  it('the text of a capture with the banner, which some systems print first', () => {
    const text = capture('bputil/d-csrutil-disable-only.txt');
    expect(BPUTIL_BANNER + bputilText(stateOfPolicy(text), READERS.macos)).toBe(text);
  });

  it('refusals: not root, Intel, downgrade from macOS', () => {
    expect(BPUTIL_NOT_ROOT).toBe(capture('bputil/not-root.stderr.txt'));
    expect(find(bputilOutputs(state('15.1', '24B82', 'X86_64')), '-d').out).toBe(capture('bputil/intel.txt'));
    const downgrade = find(bputilOutputs(state('15.1', '24B82', 'T8122')), `-n -v ${GROUP}`);
    expect(downgrade).toMatchObject({ out: '', err: capture('bputil/err-ap-boot-mode-11.stderr.txt'), status: 1 });
  });

  /** Reads a capture by its tags alone, so that labels and layout come from our side only. */
  function stateOfPolicy(text: string): SimState {
    const tags = new Map<string, string>();
    for (const match of text.matchAll(/\(([a-zA-Z0-9& ]{4,})\): (.*)/g)) tags.set(match[1] ?? '', match[2] ?? '');
    const value = (tag: string): string => tags.get(tag) ?? 'absent';
    const hash = (tag: string): string | null => (value(tag) === 'absent' ? null : value(tag));
    const of = state('15.1', '24B82', 'T6020');
    Object.assign(of.hardware, { ecid: value('ECID'), boardId: value('BORD'), chipId: value('CHIP') });
    Object.assign(of.volumes, { group: value('vuid') });
    const permissive = tags.has('smb0 && smb1');
    for (const tag of ['lpnh', 'rpnh', 'ronh', 'nsih', 'spih', 'kuid', 'love'] as const) of.policy[tag] = value(tag);
    for (const tag of ['auxp', 'auxi', 'auxr', 'coih', 'sip0'] as const) of.policy[tag] = hash(tag);
    for (const tag of ['smb2', 'smb3', 'smb4', 'sip1', 'sip2', 'sip3'] as const) of.policy[tag] = hash(tag) !== null;
    Object.assign(of.policy, {
      stng: Number(value('stng')),
      smb0: permissive || value('smb0') === '1',
      smb1: permissive,
    });
    return of;
  }
});

describe('system_profiler', () => {
  it.each(['hardware-mac14-2-m2', 'hardware-mac14-7-m2', 'hardware-mac16-1-m4', 'hardware-vm-m4max'])(
    '%s: layout',
    (file) => {
      const text = capture(`system_profiler/${file}.json`);
      const entry = (JSON.parse(text) as Record<string, Record<string, string | number>[]>)['SPHardwareDataType'];
      expect(profilerJson('SPHardwareDataType', entry ?? [])).toBe(text);
    },
  );

  it('names the same fields as the captures', () => {
    const keys = (text: string): string[] => [...text.matchAll(/^ {6}"(\w+)"/gm)].map((match) => match[1] ?? '');
    const of = state('15.1', '24B82', 'T8112');
    const outputs = systemProfilerOutputs({ ...of, boot: boot(of) });
    const hardware = capture('system_profiler/hardware-mac14-2-m2.json');
    expect(keys(find(outputs, 'SPHardwareDataType -json').out)).toEqual(keys(hardware));
    const bridge = capture('system_profiler/ibridge-full-mac16-5.json');
    expect(keys(find(outputs, 'SPiBridgeDataType -json').out)).toEqual(keys(bridge));
  });

  it('the boot policy without root: full, and empty in a guest', () => {
    const of = state('26.6.2', '25G83', 'T6041', 'Mac16,5');
    of.policy.smb4 = true;
    const booted = { ...of, boot: { ...boot(of), sessionId: '6E1D3C52-9B47-4F0A-8E25-C1A7D0934B68' } };
    const firmware = /mBoot-[0-9.]+/;
    const rendered = find(systemProfilerOutputs(booted), 'SPiBridgeDataType -json').out;
    const expected = capture('system_profiler/ibridge-full-mac16-5.json');
    expect(rendered.replace(firmware, '')).toBe(expected.replace(firmware, ''));
    const guest = systemProfilerOutputs(state('14.5', '23F79', 'VMAPPLE'));
    expect(find(guest, 'SPiBridgeDataType -json').out).toBe(capture('system_profiler/ibridge-empty.json'));
  });
});

it('ioreg', () => {
  const of = state('14.5', '23F79', 'T6000');
  expect(find(ioregOutputs(of), '-rd1 -c IOPlatformExpertDevice').out).toBe(capture('ioreg/platform-j316s-m1pro.txt'));
});

describe('diskutil', () => {
  it('info of the system volume', () => {
    const info = {
      group: GROUP,
      device: 'disk3s1s1',
      fileVault: true,
      mountPoint: '/',
      sealed: 'Yes',
      bytes: 245_107_195_904,
      name: 'Macintosh HD',
      uuid: SYSTEM,
    };
    expect(volumeInfo(info)).toBe(capture('diskutil/info-root-as.plist'));
    expect(diskNotFound('/Volumes/SMB')).toBe(capture('diskutil/info-not-found.plist'));
  });

  it('apfs list', () => {
    const text = capture('diskutil/apfs-list.plist');
    expect(apfsList(containersOf(text))).toBe(text);
  });

  it('volume groups', () => {
    const outputs = diskutilOutputs(state('15.1', '24B82', 'T6020'));
    const expected = capture('diskutil/listvolumegroups-one.plist');
    expect(find(outputs, 'apfs listVolumeGroups -plist').out).toBe(expected);
  });

  /** Values of a capture, read by key in document order. */
  function containersOf(text: string): ApfsContainer[] {
    return text
      .split('<key>APFSContainerUUID</key>')
      .slice(1)
      .map((part) => {
        const [head = '', ...volumes] = part.split('<key>APFSVolumeUUID</key>');
        return {
          uuid: first(head),
          reference: after(head, 'ContainerReference'),
          bytes: Number(after(head, 'CapacityCeiling')),
          freeBytes: Number(after(head, 'CapacityFree')),
          store: { device: after(head, 'DesignatedPhysicalStore'), uuid: after(head, 'DiskUUID') },
          volumes: volumes.map((volume) => ({
            uuid: first(volume),
            bytesInUse: Number(after(volume, 'CapacityInUse')),
            device: after(volume, 'DeviceIdentifier'),
            encrypted: /<key>Encryption<\/key>\s*<true\/>/.test(volume),
            name: after(volume, 'Name'),
            roles: /<key>Roles<\/key>\s*<array\/>/.test(volume) ? [] : [after(volume, 'Roles')],
          })),
        };
      });
  }

  function first(text: string): string {
    return /<(?:string|integer)>([^<]*)</.exec(text)?.[1] ?? '';
  }

  function after(text: string, key: string): string {
    return first(text.slice(text.indexOf(`<key>${key}</key>`)));
  }
});

describe('fdesetup, profiles, softwareupdate, kmutil', () => {
  const of = (change: (draft: SimState) => void): SimState => {
    const draft = state('13.4.1', '22F82', 'T8112');
    change(draft);
    return draft;
  };
  it.each<[string, string, (draft: SimState) => void]>([
    ['fdesetup/off.txt', 'status', () => undefined],
    ['fdesetup/on.txt', 'status', (draft) => Object.assign(draft.volumes, { fileVault: true })],
    ['profiles/enrollment-none.txt', 'status -type enrollment', () => undefined],
    ['profiles/enrollment-dep.txt', 'status -type enrollment', (draft) => Object.assign(draft, { mdmEnrolled: true })],
    ['softwareupdate/no-update-available-scan.txt', '--list', () => undefined],
    [
      'softwareupdate/update-available-scan.txt',
      '--list',
      (draft) => Object.assign(draft, { pendingUpdate: { version: '13.3.1', build: '22E261' } }),
    ],
  ])('%s', (file, args, change) => {
    const tool = file.split('/')[0] ?? '';
    const outputs = careOutputs(of(change)).filter((output) => output.tool.endsWith(tool));
    expect(find(outputs, args).out).toBe(capture(file));
  });

  it('kmutil showloaded: rows on stdout, the variant remark on stderr', () => {
    const draft = of(({ os }) => Object.assign(os, { darwin: '20.5.0' }));
    const output = find(showLoadedOutputs(draft, boot(draft)), 'showloaded');
    const [, remark, ...rows] = capture('kmutil/showloaded-11.5.txt').split('\n');
    expect(output.out).toBe(rows.join('\n'));
    expect(output.err).toBe(`${remark}\n`);
    expect(output.err).toBe(capture('kmutil/no-variant.stderr.txt'));
  });
});

it('a rapid response changes names, not the kernel', () => {
  const rapid = osState(systemFor('13.4.1', '22F770820d'));
  expect(rapid).toMatchObject({ baseBuild: '22F82', darwin: '22.5.0' });
});
