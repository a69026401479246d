/** Findings about the proof: what keeps a host from being called raised, or back at stock. */
import type { FindingRow } from './row.ts';

export const PROOF_FINDINGS = {
  HALF_DONE: {
    severity: 'warning',
    title: 'A visit was broken off: the boot policy is lowered, no custom kernel is installed',
    nextStep: 'Make the visit again; it goes on from where it stands.',
  },
  LOWERED_FOR_NOTHING: {
    severity: 'warning',
    title: 'The boot policy is still lowered, and the raise that needed it is gone',
    nextStep:
      'Nothing beside the raise visit, which goes on from here. If this Mac is not to be raised again, take it back to stock (POST /api/v1/hosts/ID/revert).',
  },
  OBJECT_NOT_BOOTED: {
    severity: 'warning',
    title: 'The custom kernel is installed and the stock kernel still runs',
    nextStep: 'Restart the Mac.',
  },
  OBJECT_DID_NOT_START: {
    severity: 'warning',
    title: 'The custom kernel is installed, and the boot after its visit started the stock kernel',
    nextStep:
      'Watch one start of the Mac for "Custom kernel failed to boot". Then make the raise visit: it installs the kernel collection anew.',
  },
  OBJECT_DOES_NOT_FIT: {
    severity: 'warning',
    title: 'The boot policy names a kernel of ours that is not known to be for build {build}',
    nextStep:
      'Do not restart the Mac before the visit if that can be avoided: a kernel of another build may stop at an error. Make the raise visit when it is planned: it installs the one for {build}.',
  },
  FOREIGN_KERNEL: {
    severity: 'blocker',
    title: 'A custom kernel runs that is not the one built here',
    nextStep: 'Find out who installed it, then make a raise visit: it installs the kernel collection built here.',
  },
  OLDER_KERNEL_OF_OURS: {
    severity: 'blocker',
    title: 'An older kernel collection of ours runs, not the one built here last',
    nextStep: 'Make a raise visit: it installs the kernel collection built here last.',
  },
  NOT_PROVABLE: {
    severity: 'blocker',
    title: 'Which kernel collection runs cannot be read on this build',
    nextStep:
      'Run `sysctl kern.filesetuuid` on the Mac. If it does not exist there, this build cannot be proven: nothing weaker counts.',
  },
  DRIFTED: {
    severity: 'blocker',
    title: 'Was raised, and is not any more',
    nextStep: 'Make a raise visit when it is planned. If macOS was updated, defer updates from now on.',
  },
  CUSTOM_KERNEL_GONE: {
    severity: 'blocker',
    title: 'The boot policy names no custom kernel any more',
    nextStep: 'Make a raise visit: the next restart starts the stock kernel.',
  },
  CUSTOM_KERNEL_CHANGED: {
    severity: 'blocker',
    title: 'The boot policy names another custom kernel than the one that was proven to be ours',
    nextStep:
      'Do not restart the Mac before you know who changed it: the next boot starts another kernel. Then make a raise visit: it installs the kernel collection built here.',
  },
  ARGS_FILTERED: {
    severity: 'blocker',
    title: 'Boot arguments are filtered: SIP was switched on again',
    nextStep: 'Make a raise visit; in it, SIP is switched off again. Find out who ran `csrutil enable`.',
  },
  OLD_KERNEL_NEW_SYSTEM: {
    severity: 'blocker',
    title: 'The kernel collection was built for build {kcBuild}, the system is {build}',
    nextStep: 'Let the agent build one for {build}, then make a raise visit. Defer updates from now on.',
  },
  QUOTA_NOT_IN_FORCE: {
    severity: 'warning',
    title: 'The running kernel was not given the quota',
    nextStep: 'Restart the Mac once `{word}` is stored; the agent stores it when a grant covers it.',
  },
  QUOTA_OTHER_VALUE: {
    severity: 'warning',
    title: 'The running kernel was given another quota',
    nextStep: 'Restart the Mac once `{word}` is stored; the agent stores it when a grant covers it.',
  },
  HYPERVISOR_NOT_IN_FORCE: {
    severity: 'warning',
    title: 'The running kernel was not given `hypervisor=0x1`, so it ignores the quota',
    nextStep: 'Restart the Mac once `hypervisor=0x1` is stored; the agent stores it when a grant covers it.',
  },
  BOOT_BEFORE_VISIT: {
    severity: 'warning',
    title: 'This boot is older than the visit, so it proves nothing about it',
    nextStep: 'Restart the Mac once.',
  },
  EXTRA_ARGS_NOT_IN_FORCE: {
    severity: 'warning',
    title: 'The running kernel was not given every argument of the policy',
    nextStep: 'Restart the Mac once {words} are stored.',
  },
  ARGS_NOT_STORED: {
    severity: 'warning',
    title: 'Raised, and the next restart would lose it: the stored boot arguments differ',
    nextStep: 'Nothing to do while a grant covers it: the agent stores them again. Find out who changed them.',
  },
  KC_PURGED: {
    severity: 'note',
    title: 'The kernel collection file is gone; the copy that boots is not',
    nextStep: 'Nothing to do. The next visit needs it built again.',
  },
  KDK_PURGED: {
    severity: 'note',
    title: 'The KDK is gone or incomplete',
    nextStep: 'Nothing to do. The next kernel collection needs it installed again.',
  },
  GUEST_SLOTS_LEAKED: {
    severity: 'warning',
    title: 'Guest slots seem to be leaked',
    nextStep: 'Restart the Mac when its guests allow: only that frees {leaked} slot(s).',
  },
  CONSENT_ENDED_STILL_RAISED: {
    severity: 'warning',
    title: '{how}, still raised',
    nextStep:
      'Make the revert visit when it is planned: the Mac is taken back by a rollout of its own. To keep it raised, apply the policy with a new exception.',
  },
  STILL_RAISED: {
    severity: 'warning',
    title: 'Stock is wanted, and the host is still raised',
    nextStep:
      'Make the revert visit: a person types one line in recoveryOS. The agent puts the boot arguments back before it, once no guest runs; else the visit does.',
  },
  STILL_LOWERED: {
    severity: 'warning',
    title: 'Stock is wanted, and something of a raise is still there',
    nextStep: 'Make the revert visit: a person types one line in recoveryOS, or `csrutil enable` there and answers y.',
  },
  REVERTED_STILL_REDUCED: {
    severity: 'note',
    title: 'Taken back to the stock kernel with SIP on, and startup security is Reduced',
    nextStep:
      'Nothing to do if it was Reduced before the raise. Else choose Full Security in Startup Security Utility when the Mac has Internet.',
  },
  QUOTA_STILL_STORED: {
    severity: 'note',
    title: 'A quota is still stored, without effect on the stock kernel',
    nextStep:
      'Nothing to do: it acts only under a development kernel with SIP off. It can be removed where SIP is off, by `sudo nvram -d boot-args` in macOS; with SIP on macOS refuses that, and whether recoveryOS does is not known.',
  },
} as const satisfies Record<string, FindingRow>;
