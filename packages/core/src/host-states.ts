/** The table of host states in words: how each is told apart, and what comes next. docs/host-states.md is generated from it. */
import { WITNESS_GUESTS_MIN } from './evaluate/witness.ts';
import type { HostState, WitnessReport } from './evaluate-types.ts';

export interface HostStateRow {
  readonly means: string;
  /** The facts and memory that say so. */
  readonly toldBy: string;
  readonly next: string;
}

export const HOST_STATE_TABLE: Readonly<Record<HostState, HostStateRow>> = {
  no_facts: row('Enrolled, not reported yet', 'no facts', 'Wait for the first report'),
  unknown: row(
    'Cannot be judged',
    'an essential fact, or a piece of evidence that would decide, is unknown',
    'Cure what the reason names',
  ),
  unsupported: row(
    'Can never be raised',
    'Intel, a guest (kern.hv_vmm_present, VirtualMac*, VMAPPLE), or macOS 12 and older',
    'Nothing is ever planned',
  ),
  not_started: row(
    'Stock, nothing done yet',
    'release kernel, custom kernel absent, no KDK for the build; the catalogue has it (or stock is wanted)',
    'The agent installs the KDK',
  ),
  kdk_missing: row(
    'Stock, and no usable KDK',
    'release kernel; KDK for the build absent and not in the catalogue, or a husk, or without this variant',
    'Upload the KDK for exactly this build; a husk is installed again',
  ),
  kdk_ready: row(
    'KDK installed',
    'whole KDK, equal build, kernel file of the variant',
    'The agent builds the kernel collection',
  ),
  kc_staged: row(
    'Kernel collection built',
    'the file with the recorded sha256 is there, its build and variant are those of the Mac',
    'The agent places the visit kit, with a grant',
  ),
  ready_for_visit: row(
    'A person is needed',
    'whole kit of the recorded visit, for this quota, these arguments and this kernel collection',
    'Raise visit',
  ),
  half_done: row(
    'A visit was broken off',
    'release kernel, policy lowered (Permissive, sip0 or filtering off), custom kernel absent, and the kernel collection is there or a visit was opened; or stock is wanted after a visit, and not proven',
    'Raise visit again; it goes on from where it stands. If stock is wanted: revert visit',
  ),
  object_not_booted: row(
    'Custom kernel installed, stock kernel runs',
    'release kernel, custom kernel in the policy',
    'Restart when a receipt or an earlier boot says that it is ours, it was built for this build, and no boot since its visit has left it out; else a raise visit',
  ),
  args_missing: row(
    'Our kernel runs without the quota',
    'development kernel, filesetuuid is ours, quota or hypervisor neither in force nor stored',
    'The agent stores the arguments, with a grant',
  ),
  reboot_due: row(
    'A restart is all that lacks',
    'arguments stored and not in force; or this boot is older than the visit',
    'Restart visit',
  ),
  raised: row(
    'Raised: configured, or witnessed',
    'every piece of evidence holds; the degree is told below',
    'Nothing; keep updates away',
  ),
  raised_other_value: row(
    'Raised, with another quota',
    'our kernel, quota in force differs from the plan',
    'The agent stores the planned arguments, then a restart visit',
  ),
  not_provable: row(
    'Raised or not, it cannot be proven',
    'development kernel, kern.filesetuuid cannot be read',
    'Nothing weaker takes its place',
  ),
  foreign_kernel: row(
    'A custom kernel that is not the one built here last',
    'filesetuuid is not that of our last kernel collection (an older one of ours for this build has a finding of its own), or the kernel is neither release nor development',
    'Raise visit: it installs the one built here last',
  ),
  args_filtered: row(
    'SIP is on again',
    'our kernel, boot-arg filtering on (sip3 absent)',
    'Raise visit: it switches SIP off again',
  ),
  old_kernel_new_system: row(
    'Updated under a raised kernel',
    'our kernel, built for another build than the base build of sw_vers',
    'New KDK, new kernel collection, raise visit',
  ),
  drifted: row(
    'Was raised, and is not any more',
    'raised before; release kernel runs and no custom kernel of ours waits for its boot, or the policy names no custom kernel, or another than the one that was proven',
    'Raise visit',
  ),
  waiting_for_unlock: row(
    'Perhaps at the unlock screen (a guess)',
    'silent since its visit was opened or said to be done, for longer than that explains; FileVault not known to be off',
    'Sign in at the Mac',
  ),
  failed_boot: row(
    'Perhaps failed to boot (a guess)',
    'silent since its visit was opened or said to be done, for longer than that explains: FileVault off, or lost',
    'Go to the Mac; csrutil enable in recoveryOS brings the stock kernel back',
  ),
  reverted: row(
    'Back at stock',
    'stock is wanted, raised before; release kernel, custom kernel absent, SIP enabled, Full or Reduced, arguments filtered, no quota in force',
    'The agent removes visit kit, kernel collection and the KDK that it installed; then nothing',
  ),
};

/** Degrees of `raised`. */
export const RAISE_DEGREES = ['configured', 'witnessed'] as const;
export type RaiseDegree = (typeof RAISE_DEGREES)[number];

export const RAISE_DEGREE_TABLE: Readonly<Record<RaiseDegree, { readonly means: string; readonly toldBy: string }>> = {
  configured: { means: 'Raised (configured)', toldBy: 'every piece of evidence holds' },
  witnessed: {
    means: 'Raised (witnessed)',
    toldBy: `raised, and ${WITNESS_GUESTS_MIN} or more macOS guests were alive at once in this very boot, counted by somebody who knows their kind (\`headroom-agent witness\`, or POST /api/v1/hosts/{id}/witness); \`ps\` counts Linux guests, too, and never witnesses`,
  },
};

/** null = not raised. */
export function degreeOf(state: HostState, witness: WitnessReport | null): RaiseDegree | null {
  if (state !== 'raised') return null;
  return witness === null ? 'configured' : 'witnessed';
}

function row(means: string, toldBy: string, next: string): HostStateRow {
  return { means, toldBy, next };
}
