/** Findings about the Mac itself: is it one that can be raised, is it heard of, can it be read? */
import type { FindingRow } from './row.ts';

export const HOST_FINDINGS = {
  HOST_INTEL: {
    severity: 'blocker',
    title: 'Not an Apple silicon Mac',
    nextStep: 'Remove this Mac from the policy: only Apple silicon Macs have a guest quota that can be raised.',
  },
  HOST_IS_GUEST: {
    severity: 'blocker',
    title: 'A guest, not a Mac',
    nextStep: 'Remove it from the policy: the quota is raised on the Mac that runs this guest.',
  },
  OS_TOO_OLD: {
    severity: 'blocker',
    title: 'macOS is older than 13',
    nextStep: 'Update this Mac to macOS 13 or later: older KDKs hold no kernel for Apple silicon.',
  },
  VARIANT_UNKNOWN: {
    severity: 'blocker',
    title: 'The kernel variant {variant} is not in our table',
    nextStep:
      'Look whether the KDK for {build} holds {kernelFile}, and tell us chip, variant and build. Nothing is guessed, so nothing is built until the table knows it.',
  },
  NO_FACTS: {
    severity: 'note',
    title: 'No facts yet',
    nextStep: 'Wait for the first report of the agent. If none comes, run `headroom-agent doctor` on the Mac.',
  },
  FACT_UNKNOWN: {
    severity: 'blocker',
    title: 'A fact that the decision needs could not be read',
    nextStep: 'Cure what the reason names, or run `headroom-agent doctor` on the Mac: {path} could not be read.',
  },
  READINESS_UNKNOWN: {
    severity: 'warning',
    title: 'A check before the visit could not be made',
    nextStep: '{path} could not be read. {look}',
  },
  HOST_SILENT: {
    severity: 'warning',
    title: 'The host is silent; the state is the last one known',
    nextStep: 'Check power, network and the unlock screen, and that Headroom is switched on in Login Items.',
  },
  HOST_LOST: {
    severity: 'blocker',
    title: 'The host has been silent for more than a day; the state is the last one known',
    nextStep:
      'Find the Mac, and check that it is on, unlocked, on the network, and that Headroom is switched on in Login Items.',
  },
  MAYBE_WAITING_FOR_UNLOCK: {
    severity: 'warning',
    title: 'Not heard of since the visit; it may wait at the unlock screen of FileVault',
    nextStep: 'Go to the Mac and sign in at the unlock screen. If it shows an error instead, write it down.',
  },
  MAYBE_FAILED_BOOT: {
    severity: 'blocker',
    title: 'Not heard of since the visit; it may have failed to boot',
    nextStep:
      'Go to the Mac. "Custom kernel failed to boot": hold the power button, Options, Terminal, `csrutil enable`, answer y, restart.',
  },
  VISIT_OVERDUE: {
    severity: 'warning',
    title: 'Overdue: not heard of since its {kind} visit, for longer than that takes',
    nextStep: 'Go to the Mac and look, in this order. {causes}',
  },
  NO_HANDS: {
    severity: 'blocker',
    title: 'Nobody can stand at this Mac',
    nextStep:
      'Move it to where a person gets to it, or give it remote hands (a servo on the power button and an IP-KVM), and say so in its place (PATCH /api/v1/hosts/ID/place). Else take it out of the policy.',
  },
  EVALUATION_FAILED: {
    severity: 'blocker',
    title: 'The controller cannot evaluate this Mac; its state is the last one known',
    nextStep:
      'Report the cause: it is an error of ours. It is tried again every ten minutes, and when the Mac says something new; no other Mac waits for it.',
  },
  AGENT_TOO_OLD: {
    severity: 'blocker',
    title: 'The agent is too old for a step of the plan',
    nextStep: 'Update the agent on this Mac: version {version} cannot do {kinds}. Nothing of the plan is begun before.',
  },
  AGENT_BEHIND: {
    severity: 'warning',
    title: 'The agent is older than this controller',
    nextStep: 'Update the agent on this Mac (version {version}) before you look for another cause. {why}',
  },
  CLONE_SUSPECTED: {
    severity: 'warning',
    title: 'Two Macs seem to use the identity of this one',
    nextStep:
      'Find both Macs by the hints. Remove /var/db/headroom on the one that was copied and enrol it with a token of its own; if you cannot tell them apart, revoke the certificates of this host and enrol both.',
  },
} as const satisfies Record<string, FindingRow>;
