/** Findings on the way to a visit: KDK, kernel collection, consent, steps, and what must be so before a person goes. */
import type { FindingRow } from './row.ts';

export const PREPARATION_FINDINGS = {
  KDK_NOT_IN_CATALOGUE: {
    severity: 'blocker',
    title: 'No KDK for build {build} in the catalogue',
    nextStep:
      'Download the Kernel Debug Kit for exactly build {build} from Apple and upload it (PUT /api/v1/kdks). A near build is not used.',
  },
  KDK_HUSK: {
    severity: 'warning',
    title: 'The installed KDK for build {build} lacks files',
    nextStep: 'Nothing to do once the catalogue holds the KDK for build {build}: it is installed again.',
  },
  KDK_VARIANT_MISSING: {
    severity: 'blocker',
    title: 'The KDK for build {build} has no development kernel for {variant}',
    nextStep: 'Use another build of macOS on this Mac: forked builds hold the kernels of some chips only.',
  },
  GRANT_MISSING: {
    severity: 'blocker',
    title: 'No grant covers this Mac',
    nextStep:
      'Approve an exception that names this Mac, quota {quota} and the arguments of the policy. Reason: {reason}',
  },
  GRANT_EXPIRED: {
    severity: 'blocker',
    title: 'The grant has expired',
    nextStep: 'Renew the exception (it ended {expiresAt}), or take this Mac back to stock.',
  },
  GRANT_EXPIRES_SOON: {
    severity: 'warning',
    title: 'The grant ends within {days} day(s)',
    nextStep: 'Renew the exception before {expiresAt}, or plan the way back to stock.',
  },
  BOOT_ARGS_FORBIDDEN: {
    severity: 'blocker',
    title: 'Boot arguments that no raise may be combined with',
    nextStep:
      'Remove {words} from the stored boot arguments on the Mac, or from the policy. Headroom never deletes an argument.',
  },
  BOOT_ARGS_FOREIGN: {
    severity: 'blocker',
    title: 'Boot arguments are stored that the exception does not name',
    nextStep:
      'Name {words} in the exception, or remove them on the Mac with nvram. Of two words of one key only one can stay, in the policy or on the Mac.',
  },
  BOOT_ARGS_NOT_ALLOWED: {
    severity: 'blocker',
    title: 'The policy asks for a boot argument that is neither on the allow-list nor named by the exception',
    nextStep: 'Take {words} out of the policy, or name them in the exception.',
  },
  BOOT_ARGS_TOO_LONG: {
    severity: 'blocker',
    title: 'The boot arguments do not fit into 1024 bytes',
    nextStep: 'Remove arguments on the Mac, or from the policy, until the line fits.',
  },
  STEP_FAILED: {
    severity: 'warning',
    title: 'The step {kind} failed with {code}',
    nextStep: '{remedy} Next try: {retryAt}.',
  },
  STEP_FAILED_FOR_GOOD: {
    severity: 'blocker',
    title: 'The step {kind} failed with {code} and is not tried again',
    nextStep: '{remedy} Then retry the plan.',
  },
  NOT_STARTUP_DEFAULT: {
    severity: 'blocker',
    title: 'This system is not the default startup volume',
    nextStep: 'Select {volume} in System Settings > General > Startup Disk, restart, and wait for new facts.',
  },
  NO_VOLUME_OWNER: {
    severity: 'blocker',
    title: 'No user of this Mac is a volume owner',
    nextStep:
      'Let an admin account with a password log in once (`diskutil apfs listUsers /` must say Volume Owner: Yes), then `diskutil apfs updatePreboot /`.',
  },
  RECOVERY_LIST_STALE: {
    severity: 'blocker',
    title: 'recoveryOS lists no volume owner of this Mac',
    nextStep:
      'Run `diskutil apfs updatePreboot /` as root on the Mac and wait for new facts: until then each name is "not a valid admin user" there.',
  },
  OTHER_SYSTEMS: {
    severity: 'warning',
    title: 'More than one macOS is installed on this Mac',
    nextStep:
      'In recoveryOS sign in as an owner of {volume}, and answer each question for a volume with {volume}, never with a number. {others} gets the same boot arguments.',
  },
  KIT_FOLDER_FOREIGN: {
    severity: 'blocker',
    title: '/Library/Headroom is not ours',
    nextStep:
      'Find out who made /Library/Headroom, then remove it: nothing is placed into a folder that others can write.',
  },
  AUXILIARY_KEXTS: {
    severity: 'blocker',
    title: 'Third-party kernel extensions are loaded',
    nextStep: 'Remove {kexts}: they are linked to the stock kernel and do not load with a custom one.',
  },
  AUXILIARY_KEXTS_ALLOWED: {
    severity: 'warning',
    title: 'The boot policy allows third-party kernel extensions, and none is loaded',
    nextStep:
      'Remove what is left of them in /Library/Extensions, or expect them to stay out: with a custom kernel they are rebuilt, approved and need one more restart.',
  },
  KERNEL_NEEDS_ARGUMENT: {
    severity: 'blocker',
    title: 'This development kernel is known to panic without {word}',
    nextStep: 'Add {word} to the policy and to the exception; the visit is made then.',
  },
  POLICY_ALREADY_LOWERED: {
    severity: 'note',
    title: 'The boot policy is lowered already, not by a visit',
    nextStep: 'Find out who lowered it and why; a visit goes on from where it stands.',
  },
  OTHER_OBJECT_IN_POLICY: {
    severity: 'warning',
    title: 'The boot policy names a custom kernel that is not known to be ours',
    nextStep: 'Find out who installed it. The next visit replaces it.',
  },
  DISK_TOO_SMALL: {
    severity: 'warning',
    title: 'Little free space for KDK and kernel collection',
    nextStep: 'Free space on the Data volume until {needed} GB are free.',
  },
  UPDATE_NO_BOOT: {
    severity: 'blocker',
    title: 'macOS update {targets}: this Mac would not boot, or would fall back to two guests',
    nextStep:
      'Defer {targets} by MDM (docs/updates.md), and take this Mac back to stock before it is installed. If Apple offers the KDK of that build, upload it (PUT /api/v1/kdks). To take the risk: POST /api/v1/update-acceptances.',
  },
  UPDATE_TWO_GUESTS: {
    severity: 'blocker',
    title: 'macOS update {targets}: this Mac would fall back to two guests',
    nextStep:
      'If Apple offers the KDK for {targets}, upload it (PUT /api/v1/kdks). Else defer the update by MDM (docs/updates.md). To take the risk: POST /api/v1/update-acceptances.',
  },
  UPDATE_UNKNOWN: {
    severity: 'blocker',
    title: 'macOS update {targets}: what it would do to a raise is not known',
    nextStep:
      'Find out its build (`softwareupdate --list` on the Mac) and upload the KDK for it, or defer the update by MDM (docs/updates.md). To take the risk: POST /api/v1/update-acceptances.',
  },
  UPDATE_ACCEPTED: {
    severity: 'note',
    title: 'The risk of macOS update {targets} is accepted',
    nextStep:
      'Nothing to do before the acceptance ends. A build that it does not name blocks again; POST /api/v1/update-acceptances/ID/revoke takes it back.',
  },
  UPDATE_SAFE: {
    severity: 'note',
    title: 'macOS update {targets}: the KDK for it is there',
    nextStep:
      'Nothing to do before a visit. After the update the agent builds a kernel collection for it, and a raise visit follows. Take a raised Mac back to stock before it is updated.',
  },
  UPDATE_REVERT_FIRST: {
    severity: 'warning',
    title: 'macOS update {targets} comes by itself, and this Mac starts a custom kernel',
    nextStep:
      'Take this Mac back to stock before {targets} is installed (POST /api/v1/hosts/ID/revert, then the revert visit): with the custom kernel it may stop at an error. Raise it again on the new system.',
  },
  UPDATES_INSTALL_THEMSELVES: {
    severity: 'warning',
    title: 'macOS updates install by themselves',
    nextStep: 'Switch automatic installation off, or defer updates by MDM: an update takes the quota back.',
  },
  FILEVAULT_ON: {
    severity: 'note',
    title: 'FileVault is on: each restart stops at the unlock screen',
    nextStep: 'Plan for somebody to sign in after each restart.',
  },
  FILEVAULT_CHANGING: {
    severity: 'warning',
    title: 'FileVault is {mode} the disk',
    nextStep: 'Wait until `fdesetup status` says on the Mac that it is done, then make the visit.',
  },
  GUESTS_RUNNING: {
    severity: 'note',
    title: 'Guests are running',
    nextStep: 'Stop up to {guests} guest(s) before the shutdown.',
  },
} as const satisfies Record<string, FindingRow>;
