/** How much each output of the simulated recoveryOS is worth. Green on an invented output is no proof about Macs. */
import type { ProvenanceKind } from '../catalogue/provenance-kind.ts';
import { TOOL_LISTS } from './tool-lists.ts';

export interface RecoveryProvenance {
  readonly tool: string;
  readonly form: string;
  readonly provenance: ProvenanceKind;
  readonly source: string;
}

const row = (tool: string, form: string, provenance: ProvenanceKind, source: string): RecoveryProvenance => ({
  tool,
  form,
  provenance,
  source,
});

export const RECOVERY_PROVENANCE: readonly RecoveryProvenance[] = [
  row('bputil', '-d -v GROUP, paired', 'captured', 'bputil/d-v-1tr-permissive-m2pro-15.7.5.txt'),
  row('bputil', '-d -v GROUP, not paired', 'invented', 'OS Type of the fallback recovery was never published'),
  row('bputil', '-d -v of another group', 'invented', 'message text'),
  row('bputil', '-f, -g, -a -v GROUP', 'documented', 'bputil(8): effect; what it asks and says is ours'),
  row(
    'bputil',
    '-f without Internet or for a system not offered',
    'invented',
    'bputil(8) has Code 102; the words are ours',
  ),
  row('csrutil', 'disable, one owner', 'captured', 'csrutil/disable-recovery-transcript.txt'),
  row('csrutil', 'disable, several owners', 'invented', 'wording of the question for a name'),
  row('csrutil', 'disable, answered n', 'invented', 'exit status 0 and no text'),
  row('csrutil', 'disable, wrong password', 'invented', 'the words are those of bputil; its exit status is unknown'),
  row('csrutil', 'disable, not paired', 'captured', 'bputil/err-ap-boot-mode-11.stderr.txt'),
  row('csrutil', 'enable', 'documented', 'question and effect as described by Asahi; layout ours'),
  row('csrutil', 'enable, no Internet or not offered', 'invented', 'that it ends as bputil -f does'),
  row('csrutil', 'clear', 'invented', 'message text'),
  row('csrutil', 'status', 'captured', 'csrutil/enabled.txt, csrutil/disabled.txt'),
  row('kmutil', 'configure-boot, question', 'captured', 'kmutil/configure-boot-prompts.txt'),
  row('kmutil', 'configure-boot, success', 'invented', 'no text and exit status 0'),
  row(
    'kmutil',
    'configure-boot, nothing changed and exit status 0',
    'invented',
    'failures with exit status 0 are reported; how this one looks is not',
  ),
  row('kmutil', 'configure-boot, answered n', 'invented', 'text and exit status'),
  row('kmutil', 'configure-boot, not an owner', 'captured', 'kmutil/configure-boot-err-not-admin.stderr.txt'),
  row('kmutil', 'configure-boot, wrong password', 'invented', 'the words are seen, the frame around them is ours'),
  row('kmutil', 'configure-boot, not paired', 'captured', 'kmutil/configure-boot-err-pairing.stderr.txt'),
  row('kmutil', 'configure-boot, bad file or startup disk', 'invented', 'the words are seen, the frame is ours'),
  row('kmutil', 'configure-boot, no such volume or file', 'invented', 'message text'),
  row('kmutil', 'configure-boot, no room', 'invented', 'the words of errno 28; the frame is ours'),
  row('nvram', 'NAME, -p', 'captured', 'nvram/boot-args-quota.txt'),
  row('nvram', 'NAME, not there', 'captured', 'nvram/boot-args-unset.stderr.txt'),
  row('nvram', 'NAME, cannot be read', 'invented', 'that it happens, and the words'),
  row('nvram', 'GUID:NAME', 'invented', 'that the name is printed as it was given'),
  row('nvram', 'boot-args=, refused', 'captured', 'nvram/set-not-permitted.stderr.txt'),
  row('nvram', 'GUID:boot-args=, refused', 'invented', 'the captured text with the longer name'),
  row('nvram', 'boot-args=, accepted; -s; -d', 'documented', 'nvram(8): silent'),
  row('diskutil', 'info UUID', 'documented', 'labels of diskutil(8); values ours'),
  row('diskutil', 'info -plist UUID', 'captured', 'diskutil/info-root-as.plist'),
  row('diskutil', 'mount, apfs unlockVolume', 'invented', 'message texts; stands for Disk Utility too'),
  row('diskutil', 'info, not found', 'invented', 'text form of diskutil/info-not-found.plist'),
  row('diskutil', 'info -plist, not found', 'captured', 'diskutil/info-not-found.plist'),
  row('md5', 'stdin, -q FILE, FILE', 'documented', 'md5(1)'),
  row('reboot', '', 'documented', 'reboot(8): silent'),
  row('shutdown', '-h now, -r now', 'documented', 'shutdown(8); its announcement is left out'),
  row(
    'startup options',
    'Recovery Lock, sign-in',
    'invented',
    'on a Mac a screen with a mouse; the order is documented',
  ),
  ...TOOL_LISTS.map(({ from, provenance, source }) =>
    row('tools', from === 0 ? 'which there are' : `which there are, from macOS ${from} on`, provenance, source),
  ),
  row('sh', 'prompt', 'captured', 'nvram/recovery-sudo-missing.stderr.txt and public reports: -bash-3.2#'),
];
