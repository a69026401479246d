/** sw_vers, system_profiler, ioreg, fdesetup, profiles, softwareupdate: what the installed system says. */
import { isAppleSilicon, isGuest, macFor } from '../catalogue/macs.ts';
import { seededHex, seededUuid } from '../catalogue/seeded.ts';
import { type SimState, securityMode } from '../state-model.ts';
import { lines, type Output } from './output.ts';
import { dict, plist } from './plist.ts';

export function swVersOutputs(state: SimState): readonly Output[] {
  const { version, build, extra } = state.os;
  const tool = 'usr/bin/sw_vers';
  const all = lines(
    'ProductName:\t\tmacOS',
    `ProductVersion:\t\t${version}`,
    ...(extra === '' ? [] : [`ProductVersionExtra:\t${extra}`]),
    `BuildVersion:\t\t${build}`,
  );
  const single = (name: string, out: string): readonly Output[] =>
    ['-', '--'].map((dashes) => ({
      tool,
      args: `${dashes}${name}`,
      out,
      provenance: 'documented',
      source: 'sw_vers(1)',
    }));
  return [
    { tool, args: '', out: all, provenance: 'captured', source: 'sw_vers/' },
    ...single('productName', lines('macOS')),
    ...single('productVersion', lines(version)),
    ...single('productVersionExtra', extra === '' ? '' : lines(extra)),
    ...single('buildVersion', lines(build)),
  ];
}

/** JSON as system_profiler writes it: two blanks, ` : `, an empty list on three lines. */
export function profilerJson(type: string, entries: readonly Readonly<Record<string, string | number>>[]): string {
  if (entries.length === 0) return lines('{', `  "${type}" : [`, '', '  ]', '}');
  const blocks = entries.map((entry) => {
    const rows = Object.keys(entry)
      .sort()
      .map((key) => `      ${JSON.stringify(key)} : ${JSON.stringify(entry[key])}`);
    return `    {\n${rows.join(',\n')}\n    }`;
  });
  return lines('{', `  "${type}" : [`, blocks.join(',\n'), '  ]', '}');
}

export function systemProfilerOutputs(state: SimState): readonly Output[] {
  const hardware = profilerJson('SPHardwareDataType', [hardwareEntry(state)]);
  const ibridge = profilerJson('SPiBridgeDataType', bridgeEntries(state));
  return [
    ...both('SPHardwareDataType', hardware, 'system_profiler/hardware-*.json'),
    ...both('SPiBridgeDataType', ibridge, 'system_profiler/ibridge-full-mac16-5.json, ibridge-empty.json'),
  ];
}

function both(type: string, out: string, source: string): readonly Output[] {
  return [`${type} -json`, `-json ${type}`].map((args) => ({
    tool: 'usr/sbin/system_profiler',
    args,
    out,
    provenance: 'captured',
    source,
  }));
}

function hardwareEntry(state: SimState): Record<string, string | number> {
  const { hardware } = state;
  const mac = macFor(hardware.variant, hardware.model);
  const arm = isAppleSilicon(hardware.variant);
  const firmware = firmwareVersion(state);
  const loader = isGuest(hardware.variant) ? firmware.replace('mBoot-', '') : firmware;
  return {
    _name: 'hardware_overview',
    activation_lock_status: 'activation_lock_disabled',
    boot_rom_version: firmware,
    [arm ? 'chip_type' : 'cpu_type']: hardware.chip,
    machine_model: hardware.model,
    machine_name: mac.machineName,
    model_number: `Z${seededHex(state.id, 'model', 6)}LL/A`,
    number_processors: isGuest(hardware.variant) ? hardware.cores : mac.processors,
    os_loader_version: loader,
    physical_memory: `${hardware.memoryBytes / 1024 ** 3} GB`,
    platform_UUID: hardware.hostUuid,
    provisioning_UDID: `${hardware.chipId.slice(2).padStart(8, '0')}-${hardware.ecid.slice(2).padStart(16, '0')}`,
    serial_number: hardware.serial,
  };
}

/** Firmware goes with the system: 720 times Darwin's number, 25 giving the 18000 of the captures. A guest's says mBoot. */
function firmwareVersion(state: SimState): string {
  const [major = 0, minor = 0] = state.os.darwin.split('.').map(Number);
  const prefix = isGuest(state.hardware.variant) ? 'mBoot-' : '';
  return `${prefix}${major * 720}.${minor * 20 + 1}.${state.policy.stng}`;
}

function bridgeEntries(state: SimState): readonly Readonly<Record<string, string>>[] {
  if (!isAppleSilicon(state.hardware.variant) || isGuest(state.hardware.variant)) return [];
  const { policy, hardware } = state;
  const mode = { full: 'Full Security', reduced: 'Reduced Security', permissive: 'Permissive Security' }[
    securityMode(policy)
  ];
  const enabled = (off: boolean): string => (off ? 'Disabled' : 'Enabled');
  const yes = (on: boolean): string => (on ? 'Yes' : 'No');
  return [
    {
      _name: 'controller_information',
      ibridge_boot_uuid: state.boot?.sessionId ?? seededUuid(state.id, 'boot'),
      ibridge_build: `mBoot-${firmwareVersion(state)}`,
      ibridge_extra_boot_policies: ' ',
      ibridge_model_identifier_top: hardware.model,
      ibridge_sb_boot_args: enabled(policy.sip3),
      ibridge_sb_ctrr: enabled(policy.sip2),
      ibridge_sb_device_mdm: yes(policy.smb4),
      ibridge_sb_manual_mdm: yes(policy.smb3),
      ibridge_sb_other_kext: yes(policy.smb2),
      ibridge_sb_sip: enabled(policy.sip0 !== null),
      ibridge_sb_ssv: enabled(policy.sip1),
      ibridge_secure_boot: mode,
    },
  ];
}

export function ioregOutputs(state: SimState): readonly Output[] {
  const { hardware } = state;
  const tool = 'usr/sbin/ioreg';
  const hex = (text: string): string => Buffer.from(text).toString('hex');
  const target = hardware.target.replace(/AP$/, '');
  const text = lines(
    `+-o ${hardware.target}  <class IOPlatformExpertDevice, id 0x10000024d, registered, matched, active, busy 0 (132196 ms), retain 37>`,
    '    {',
    `      "compatible" = <"${hardware.target}","${hardware.model}","AppleARM">`,
    `      "target-type" = <"${target}">`,
    `      "platform-name" = <${hex(hardware.variant.toLowerCase()).padEnd(64, '0')}>`,
    '      "clock-frequency" = <00366e01>',
    '      "manufacturer" = <"Apple Inc.">',
    `      "serial-number" = <${hex(hardware.serial)}>`,
    `      "IOPlatformSerialNumber" = "${hardware.serial}"`,
    `      "IOPlatformUUID" = "${hardware.hostUuid}"`,
    '      "#size-cells" = <02000000>',
    `      "model" = <"${hardware.model}">`,
    '      "device_type" = <"bootrom">',
    '      "time-stamp" = <"Fri Aug 5 20:25:38 PDT 2022">',
    '    }',
  );
  const xml = plist([
    dict({
      IOClass: 'IOPlatformExpertDevice',
      IOPlatformSerialNumber: hardware.serial,
      IOPlatformUUID: hardware.hostUuid,
    }),
  ]);
  return [
    ...['-rd1 -c IOPlatformExpertDevice', '-r -d 1 -c IOPlatformExpertDevice'].map(
      (args): Output => ({ tool, args, out: text, provenance: 'captured', source: 'ioreg/platform-*.txt' }),
    ),
    ...[
      '-a -rd1 -c IOPlatformExpertDevice',
      '-rd1 -c IOPlatformExpertDevice -a',
      '-ard1 -c IOPlatformExpertDevice',
    ].map((args): Output => ({ tool, args, out: xml, provenance: 'documented', source: 'ioreg(8) -a, fewer keys' })),
  ];
}

export function careOutputs(state: SimState): readonly Output[] {
  const update = state.pendingUpdate;
  const scan = ['Software Update Tool', '', 'Finding available software'];
  const updateText =
    update === null
      ? lines(...scan, 'No new software available.')
      : lines(
          ...scan,
          'Software Update found the following new or updated software:',
          `* Label: ${updateTitle(update.version)}-${update.build}`,
          `\tTitle: ${updateTitle(update.version)}, Version: ${update.version}, Size: 868648KiB, Recommended: YES, Action: restart,`,
        );
  const enrolment = state.mdmEnrolled
    ? ['Enrolled via DEP: Yes', 'MDM enrollment: Yes (User Approved)', 'MDM server: https://mdm.example.com/mdm']
    : ['Enrolled via DEP: No', 'MDM enrollment: No'];
  const row = (tool: string, args: string, out: string, source: string): Output => ({
    tool,
    args,
    out,
    provenance: 'captured',
    source,
  });
  return [
    row('usr/bin/fdesetup', 'status', lines(`FileVault is ${state.volumes.fileVault ? 'On' : 'Off'}.`), 'fdesetup/'),
    row('usr/bin/profiles', 'status -type enrollment', lines(...enrolment), 'profiles/'),
    ...['--list', '-l', '--list --no-scan'].map((args) => row(SOFTWARE_UPDATE, args, updateText, 'softwareupdate/')),
  ];
}

const SOFTWARE_UPDATE = 'usr/sbin/softwareupdate';
const SYSTEM_NAMES: Readonly<Record<string, string>> = { 13: 'Ventura', 14: 'Sonoma', 15: 'Sequoia', 26: 'Tahoe' };

function updateTitle(version: string): string {
  const name = SYSTEM_NAMES[version.split('.')[0] ?? ''];
  return name === undefined ? `macOS ${version}` : `macOS ${name} ${version}`;
}
