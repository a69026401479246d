/** nvram, csrutil, bputil, system_profiler's boot policy. */
import { type BootPolicy, parseBputil } from '../../../apps/agent/src/macos/bputil.ts';
import { parseAuthenticatedRoot, parseCsrutil } from '../../../apps/agent/src/macos/csrutil.ts';
import { bootVolumeGroup, parseNvram, parseNvramRefusal } from '../../../apps/agent/src/macos/nvram.ts';
import { parsePlistDict } from '../../../apps/agent/src/macos/plist.ts';
import { parseShownPolicy } from '../../../apps/agent/src/macos/system-profiler.ts';
import type { Expectation, Expectations } from '../capture.ts';
import { nobodys, unknownBecause, value } from '../expect.ts';

const GROUP = '5C7D1F60-3A2B-4E19-9C44-0B7A6D2E8F13';

const bootArgs = (says: unknown): Expectation => ({ read: ({ output }) => parseNvram(output, 'boot-args'), says });
const stored = (line: string): Expectation => bootArgs(value({ present: true, value: line }));
const refusal = (code: string): Expectation => ({
  read: ({ output }) => [parseNvramRefusal(output), parseNvram(output, 'boot-args').ok],
  says: [code, false],
});

const NVRAM: Expectations = {
  'nvram/boot-args-amfi.txt': stored('amfi_get_out_of_my_way=1'),
  'nvram/boot-args-arm64e.txt': stored('-arm64e_preview_abi'),
  'nvram/boot-args-quota.txt': stored('kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF'),
  'nvram/boot-args-unset.stderr.txt': bootArgs(value({ present: false })),
  'nvram/p-excerpt-boot-volume.txt': {
    read: ({ output }) => {
      const variable = parseNvram(output, 'boot-volume');
      return variable.ok && variable.value.present ? bootVolumeGroup(variable.value.value) : variable;
    },
    says: GROUP,
  },
  'nvram/recovery-sudo-missing.stderr.txt': bootArgs(unknownBecause('command not found')),
  'nvram/set-general-error.stderr.txt': refusal('GENERAL_ERROR'),
  'nvram/set-not-permitted.stderr.txt': refusal('NOT_PERMITTED'),
  'nvram/x-boot-args.plist': {
    read: ({ text }) => parsePlistDict(text),
    says: value({ 'boot-args': 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF' }),
  },
};

const csrutil = (says: unknown): Expectation => ({ read: ({ output }) => parseCsrutil(output), says });
const sip = (status: 'enabled' | 'disabled'): Expectation => csrutil(value({ status, flags: null }));
const customSip = (disabled: readonly string[]): Expectation =>
  csrutil(
    value({ status: 'custom', flags: Object.fromEntries(FLAGS.map((flag) => [flag, !disabled.includes(flag)])) }),
  );

const FLAGS = [
  'Apple Internal',
  'Kext Signing',
  'Filesystem Protections',
  'Debugging Restrictions',
  'DTrace Restrictions',
  'NVRAM Protections',
  'BaseSystem Verification',
  'Boot-arg Restrictions',
  'Kernel Integrity Protections',
  'Authenticated Root Requirement',
];

const CSRUTIL: Expectations = {
  'csrutil/authenticated-root-enabled.txt': {
    read: ({ output }) => [parseAuthenticatedRoot(output), parseCsrutil(output).ok],
    says: [value(true), false],
  },
  'csrutil/custom-without-dtrace.txt': customSip([
    'Apple Internal',
    'DTrace Restrictions',
    'Kernel Integrity Protections',
  ]),
  'csrutil/custom-without-nvram.txt': customSip(['Apple Internal', 'NVRAM Protections', 'Boot-arg Restrictions']),
  'csrutil/custom-yabai-m1.txt': customSip([
    'Apple Internal',
    'Filesystem Protections',
    'Debugging Restrictions',
    'NVRAM Protections',
    'Boot-arg Restrictions',
  ]),
  'csrutil/disable-from-macos-old.stderr.txt': csrutil(unknownBecause('needs to be executed from the Recovery OS')),
  'csrutil/disable-from-macos.stderr.txt': csrutil(unknownBecause('needs to be executed from Recovery OS')),
  'csrutil/disable-recovery-old.txt': csrutil(unknownBecause('Successfully disabled')),
  'csrutil/disable-recovery-transcript.txt': csrutil(unknownBecause('requires modifying system security')),
  'csrutil/disabled.txt': sip('disabled'),
  'csrutil/enabled-custom-10.11.txt': csrutil(
    value({ status: 'custom', flags: Object.fromEntries(FLAGS.slice(0, 6).map((flag) => [flag, false])) }),
  ),
  'csrutil/enabled-no-dot.txt': sip('enabled'),
  'csrutil/enabled.txt': sip('enabled'),
  'csrutil/without-dtrace-warning.stderr.txt': csrutil(unknownBecause('unsupported configuration')),
};

const bputil = (says: unknown): Expectation => ({ read: ({ output }) => parseBputil(output, GROUP), says });
const policy = (fields: Partial<BootPolicy>): Expectation => bputil(value({ ...NOT_SAID, ...fields }));

const NOT_SAID: BootPolicy = {
  group: null,
  securityMode: null,
  customKernel: null,
  bootArgsFiltering: null,
  sip0: null,
  paired: null,
  auxiliaryKexts: null,
  environment: null,
};
const STOCK: BootPolicy = {
  group: GROUP,
  securityMode: 'full',
  customKernel: 'absent',
  bootArgsFiltering: true,
  sip0: 'absent',
  paired: false,
  auxiliaryKexts: false,
  environment: 'macOS',
};
const RAISED_COIH = 'E354B8F5B5D75F9721CE86B2ABA7D9715F244AA16FD47173F55344A29B07C223D39485A54178C985E13F60DF94C6498A';

const BPUTIL: Expectations = {
  'bputil/d-csrutil-disable-only.txt': policy({
    ...STOCK,
    securityMode: 'permissive',
    sip0: '7f',
    bootArgsFiltering: false,
  }),
  'bputil/d-devkernel-ready.txt': policy({
    ...STOCK,
    securityMode: 'permissive',
    sip0: '7f',
    bootArgsFiltering: false,
    customKernel: RAISED_COIH,
  }),
  'bputil/d-full-m1-12.txt': policy(STOCK),
  'bputil/d-full-m1max-14.4.txt': policy(STOCK),
  'bputil/d-reduced-kexts.txt': policy({ ...STOCK, securityMode: 'reduced', auxiliaryKexts: true }),
  'bputil/d-v-1tr-permissive-m2pro-15.7.5.txt': policy({
    ...STOCK,
    securityMode: 'permissive',
    paired: true,
    environment: 'one true recoveryOS',
  }),
  'bputil/e-two-groups-second-broken.txt': {
    read: ({ output }) => [GROUP, 'A41B09E7-66D2-4C58-8F3E-19D7C0B52A64'].map((group) => parseBputil(output, group)),
    says: [value(STOCK), unknownBecause('no policy of volume group A41B09E7')],
  },
  'bputil/err-ap-boot-mode-11.stderr.txt': bputil(unknownBecause('Failed to create local policy')),
  'bputil/err-pairing-17.stderr.txt': bputil(unknownBecause('Boot objects update failed')),
  'bputil/intel.txt': bputil(unknownBecause('not an Apple silicon Mac')),
  'bputil/json-full-vm.txt': policy({ ...STOCK, paired: true }),
  'bputil/lines-permissive-27.2.txt': policy({ securityMode: 'permissive' }),
  'bputil/lines-sip-customized.txt': policy({ sip0: '7f' }),
  'bputil/not-root.stderr.txt': bputil(unknownBecause('needs root')),
  'bputil/old-1tr-os-line.txt': policy({ environment: 'one true recoveryOS' }),
  'bputil/usage-old.txt': bputil(unknownBecause('bputil v0.1.3')),
};

const shown = (says: unknown): Expectation => ({ read: ({ output }) => parseShownPolicy(output), says });

const SHOWN_POLICY: Expectations = {
  'system_profiler/ibridge-empty.json': shown(unknownBecause('no boot policy')),
  'system_profiler/ibridge-full-mac15-9.txt': shown(
    value({ securityMode: 'full', sipEnabled: true, bootArgsFiltering: true }),
  ),
  'system_profiler/ibridge-full-mac16-5.json': shown(
    value({ securityMode: 'full', sipEnabled: true, bootArgsFiltering: true }),
  ),
  'system_profiler/ibridge-permissive-devkernel.txt': shown(
    value({ securityMode: 'permissive', sipEnabled: false, bootArgsFiltering: false }),
  ),
};

/** Texts on a screen and in other tools' dialogs: no command of ours prints them. */
const SCREENS: Expectations = {
  'boot-screens/custom-kernel-failed.txt': nobodys,
  'boot-screens/needs-reinstall.txt': nobodys,
  'vm-limit/macosvm-vzerror6.stderr.txt': nobodys,
  'vm-limit/utm-limit.txt': nobodys,
};

export const POLICY: Expectations = { ...NVRAM, ...CSRUTIL, ...BPUTIL, ...SHOWN_POLICY, ...SCREENS };
