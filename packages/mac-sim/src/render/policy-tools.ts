/** csrutil and bputil: what the boot policy says. */
import { isAppleSilicon } from '../catalogue/macs.ts';
import { type BootPolicy, type SimState, securityMode } from '../state-model.ts';
import { lines, type Output } from './output.ts';

const CSRUTIL = 'usr/bin/csrutil';
const BPUTIL = 'usr/bin/bputil';

/** All SIP flags off, as `csrutil disable` leaves them. */
export const SIP_ALL_OFF = '7f';

/** `csrutil status` for a policy; the text of a partly disabled SIP lists each flag. */
export function csrutilStatus(policy: BootPolicy): string {
  if (policy.sip0 === null) return lines('System Integrity Protection status: enabled.');
  if (policy.sip0 === SIP_ALL_OFF) return lines('System Integrity Protection status: disabled.');
  const bits = Number.parseInt(policy.sip0, 16);
  const flag = (bit: number): string => ((bits & bit) === 0 ? 'enabled' : 'disabled');
  return lines(
    'System Integrity Protection status: unknown (Custom Configuration).',
    '',
    'Configuration:',
    `\tApple Internal: ${(bits & 0x10) === 0 ? 'disabled' : 'enabled'}`,
    `\tKext Signing: ${flag(0x1)}`,
    `\tFilesystem Protections: ${flag(0x2)}`,
    `\tDebugging Restrictions: ${flag(0x4)}`,
    `\tDTrace Restrictions: ${flag(0x20)}`,
    `\tNVRAM Protections: ${flag(0x40)}`,
    `\tBaseSystem Verification: ${flag(0x100)}`,
    `\tBoot-arg Restrictions: ${policy.sip3 ? 'disabled' : 'enabled'}`,
    `\tKernel Integrity Protections: ${policy.sip2 ? 'disabled' : 'enabled'}`,
    `\tAuthenticated Root Requirement: ${policy.sip1 ? 'disabled' : 'enabled'}`,
    '',
    'This is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.',
  );
}

export function csrutilOutputs(state: SimState): readonly Output[] {
  const recoveryOnly = lines('csrutil: This tool needs to be executed from Recovery OS.');
  const status: Output = {
    tool: CSRUTIL,
    args: 'status',
    out: csrutilStatus(state.policy),
    provenance: 'captured',
    source: 'csrutil/enabled.txt, disabled.txt, custom-*.txt',
  };
  const rootStatus: Output = {
    tool: CSRUTIL,
    args: 'authenticated-root status',
    out: lines(`Authenticated Root status: ${state.policy.sip1 ? 'disabled' : 'enabled'}`),
    provenance: 'captured',
    source: 'csrutil/authenticated-root-enabled.txt',
  };
  const refused = ['enable', 'disable', 'clear'].map(
    (args): Output => ({
      tool: CSRUTIL,
      args,
      out: '',
      err: recoveryOnly,
      status: 77,
      provenance: 'captured',
      source: 'csrutil/disable-from-macos.stderr.txt',
    }),
  );
  return [status, rootStatus, ...refused];
}

export interface PolicyReader {
  readonly osType: 'macOS' | 'one true recoveryOS' | 'recoveryOS';
  readonly paired: boolean;
  /** Was `-v` given? Then the volume group is named first. */
  readonly namesGroup: boolean;
}

/** `bputil -d`: the whole policy as text. */
export function bputilText(state: SimState, reader: PolicyReader): string {
  const { policy, hardware, volumes } = state;
  const nonces = [
    `Local Policy Nonce Hash                 (lpnh): ${policy.lpnh}`,
    `Remote Policy Nonce Hash                (rpnh): ${policy.rpnh}`,
  ];
  return lines(
    ...(reader.namesGroup ? [`Operating on Volume Group UUID ${volumes.group}`] : []),
    'Current local policy:',
    'OS environment:',
    `OS Type                                       : ${reader.osType}`,
    `OS Pairing Status                             : ${reader.paired ? 'Paired' : 'Not Paired'}`,
    ...nonces,
    `Recovery OS Policy Nonce Hash           (ronh): ${policy.ronh}`,
    '',
    'Local policy:',
    'Pairing Integrity                             : Valid',
    'Signature Type                                : BAA',
    `Unique Chip ID                          (ECID): ${hardware.ecid}`,
    `Board ID                                (BORD): ${hardware.boardId}`,
    `Chip ID                                 (CHIP): ${hardware.chipId}`,
    'Certificate Epoch                       (CEPO): 0x1',
    'Security Domain                         (SDOM): 0x1',
    'Production Status                       (CPRO): 1',
    'Security Mode                           (CSEC): 1',
    'Local Boot                              (lobo): 1',
    `OS Version                              (love): ${policy.love}`,
    `Volume Group UUID                       (vuid): ${volumes.group}`,
    `KEK Group UUID                          (kuid): ${policy.kuid}`,
    ...nonces,
    `Next Stage Image4 Hash                  (nsih): ${policy.nsih}`,
    `Cryptex1 Image4 Hash                    (spih): ${policy.spih}`,
    `Cryptex1 Generation                     (stng): ${policy.stng}`,
    `User Authorized Kext List Hash          (auxp): ${policy.auxp ?? 'absent'}`,
    `Auxiliary Kernel Cache Image4 Hash      (auxi): ${policy.auxi ?? 'absent'}`,
    `Kext Receipt Hash                       (auxr): ${policy.auxr ?? 'absent'}`,
    `CustomKC or fuOS Image4 Hash            (coih): ${policy.coih ?? 'absent'}`,
    ...switchLines(policy),
  );
}

const MODE_LINES = {
  full: 'Security Mode:               Full       (smb0): absent',
  reduced: 'Security Mode:               Reduced    (smb0): 1',
  permissive: 'Security Mode:               Permissive (smb0 && smb1): 1',
} as const;

function switchLines(policy: BootPolicy): readonly string[] {
  const present = (value: boolean): string => (value ? '1' : 'absent');
  const off = (value: boolean): string => (value ? 'Disabled  ' : 'Enabled   ');
  const on = (value: boolean): string => off(!value);
  return [
    MODE_LINES[securityMode(policy)],
    `3rd Party Kexts Status:      ${on(policy.smb2)} (smb2): ${present(policy.smb2)}`,
    `User-allowed MDM Control:    ${on(policy.smb3)} (smb3): ${present(policy.smb3)}`,
    `DEP-allowed MDM Control:     ${on(policy.smb4)} (smb4): ${present(policy.smb4)}`,
    `SIP Status:                  ${policy.sip0 === null ? 'Enabled   ' : 'Customized'} (sip0): ${policy.sip0 ?? 'absent'}`,
    `Signed System Volume Status: ${off(policy.sip1)} (sip1): ${present(policy.sip1)}`,
    `Kernel CTRR Status:          ${off(policy.sip2)} (sip2): ${present(policy.sip2)}`,
    `Boot Args Filtering Status:  ${off(policy.sip3)} (sip3): ${present(policy.sip3)}`,
  ];
}

/** Goes before the policy on some systems (stdout or stderr is not known for all); printed here for refusals only. */
export const BPUTIL_BANNER = lines(
  'This utility is not meant for normal users or even sysadmins.',
  'It provides unabstracted access to capabilities which are normally handled for the user automatically when changing the security policy through GUIs such as the Startup Security Utility in macOS Recovery ("recoveryOS").',
  'It is possible to make your system security much weaker and therefore easier to compromise using this tool.',
  'This tool is not to be used in production environments.',
  'It is possible to render your system unbootable with this tool.',
  'It should only be used to understand how the security of Apple Silicon Macs works.',
  'Use at your own risk!',
  '',
);

export const BPUTIL_NOT_ROOT = lines('The tool requires running as root');

export function bputilOutputs(state: SimState): readonly Output[] {
  if (!isAppleSilicon(state.hardware.variant)) return ['-d', `-d -v ${state.volumes.group}`].map(intelRefusal);
  const inMacos = { osType: 'macOS', paired: false } as const;
  const plain = bputilText(state, { ...inMacos, namesGroup: false });
  const named = bputilText(state, { ...inMacos, namesGroup: true });
  const source = 'bputil/d-full-m1max-14.4.txt, d-devkernel-ready.txt';
  const group = state.volumes.group;
  return [
    ...['-d', '--display-policy'].map((args) => form(args, plain, source)),
    ...[`-d -v ${group}`, `-v ${group} -d`, `--display-policy --vuid ${group}`].map((args) =>
      form(args, named, source),
    ),
    ...['-f', '-g', '-n', '-k', '-a'].map(
      (flag): Output => ({
        tool: BPUTIL,
        args: `${flag} -v ${group}`,
        out: '',
        err: lines(
          'BYErrorDomain Code=401 "Failed to create local policy"',
          '  com.apple.bootpolicy Code=11 "AP boot mode (11)"',
        ),
        status: 1,
        provenance: 'captured',
        source: 'bputil/err-ap-boot-mode-11.stderr.txt',
      }),
    ),
  ];
}

function form(args: string, out: string, source: string): Output {
  return { tool: BPUTIL, args, out, provenance: 'captured', source };
}

function intelRefusal(args: string): Output {
  const out = `${BPUTIL_BANNER}bputil is not yet supported on this platform\n`;
  return { tool: BPUTIL, args, out, status: 1, provenance: 'captured', source: 'bputil/intel.txt' };
}
