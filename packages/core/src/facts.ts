/**
 * Facts: what the agent read on one Mac, once. Every value that could not be read is `null` and has its reason in
 * `unknown[path]`; nothing is ever defaulted. The same shape is documented as JSON Schema in `schema/facts.schema.json`.
 */

export type KernelConfig = 'release' | 'development' | 'kasan' | 'other';
export type SipStatus = 'enabled' | 'disabled' | 'custom';
export type SecurityMode = 'full' | 'reduced' | 'permissive';
export type FileVaultStatus = 'on' | 'off' | 'encrypting' | 'decrypting';

export interface OsFacts {
  readonly version: string | null;
  /** Build that `sw_vers` prints; a rapid response has its own (22F770820d). */
  readonly build: string | null;
  /** `(c)` for a rapid response; `""` when none is installed. */
  readonly extra: string | null;
  /** Build that a KDK must match: equals `build` unless a rapid response is installed. */
  readonly baseBuild: string | null;
}

export interface KernelFacts {
  readonly config: KernelConfig | null;
  /** Upper case, last field of `uname -v`: T6020, VMAPPLE; X86_64 on Intel. */
  readonly variant: string | null;
  /** Darwin version, e.g. 23.5.0. */
  readonly darwin: string | null;
  /** xnu train, e.g. 10063.121.3~5. */
  readonly xnu: string | null;
  /** The whole `uname -v` text. */
  readonly versionText: string | null;
  /** `kern.uuid`: LC_UUID of the kernel in the loaded collection. */
  readonly uuid: string | null;
  /** `kern.filesetuuid`: LC_UUID of the loaded boot collection: the one hard proof of which kernel collection runs. */
  readonly filesetUuid: string | null;
}

export interface HardwareFacts {
  readonly model: string | null;
  /** Marketing name, e.g. "Apple M2 Pro". */
  readonly chip: string | null;
  readonly appleSilicon: boolean | null;
  readonly virtualMachine: boolean | null;
  /** Hardware UUID of this Mac (IOPlatformUUID): what grants name. Upper case. */
  readonly uuid: string | null;
  readonly serial: string | null;
}

export interface BootArgsFacts {
  /** `kern.bootargs`: what the running kernel was given. */
  readonly inForce: string | null;
  readonly storedPresent: boolean | null;
  /** `nvram boot-args`: `""` when set but empty, null when not present (or unknown, see `unknown`). */
  readonly stored: string | null;
}

export interface SipFacts {
  readonly status: SipStatus | null;
  /** Flag label (as csrutil prints it) -> enabled. Null unless status is `custom`. */
  readonly flags: Readonly<Record<string, boolean>> | null;
}

export interface BootPolicyFacts {
  readonly securityMode: SecurityMode | null;
  /** `coih`: 96 upper-case hex digits, or "absent". */
  readonly customKernel: string | null;
  /** true = boot arguments are filtered (sip3 absent). */
  readonly bootArgsFiltering: boolean | null;
  /** SIP flags of the policy as hex, e.g. "7f"; "absent" when SIP is at its default. */
  readonly sip0: string | null;
  /** Is the environment that was asked paired with this system? Normally false in booted macOS. */
  readonly paired: boolean | null;
  /** Does the policy name third-party kexts (auxi or auxp), loaded or not? Older agents do not say. */
  readonly auxiliaryKexts?: boolean | null;
}

export interface VolumeOwner {
  /** Short name; null where it is not known. */
  readonly user: string | null;
  readonly uuid: string;
}

/** An admin that recoveryOS lets sign in: AdminUserRecoveryInfo.plist in Preboot. */
export interface RecoveryAdmin {
  /** Short name. */
  readonly user: string;
  readonly uuid: string;
}

/** A macOS system on this Mac beside the one that runs. */
export interface OtherSystem {
  readonly name: string | null;
  /** UUID of its System volume. */
  readonly systemUuid: string;
}

/** What lies at /Library/Headroom: `foreign` = a link, somebody else's folder, or one that others can write. */
export type KitFolderStatus = 'absent' | 'ours' | 'foreign';

/** Guests counted by somebody who knows their kind: an admin's probe, or Orchard. Holds for one boot. */
export interface WitnessFact {
  /** The most macOS guests that were alive at once. */
  readonly macosGuests: number;
  /** Who counted. */
  readonly source: string;
  /** ISO time, by the Mac's clock. */
  readonly at: string;
}

export interface VolumeFacts {
  readonly systemUuid: string | null;
  readonly dataUuid: string | null;
  /** Volume group UUID, which names the boot policy (`vuid`). */
  readonly group: string | null;
  readonly systemName: string | null;
  readonly owners: readonly VolumeOwner[] | null;
  /** An owner who is not among them cannot sign in in recoveryOS. Older agents do not say. */
  readonly recoveryAdmins?: readonly RecoveryAdmin[] | null;
  /** Is this system the default startup volume? */
  readonly startupDefault: boolean | null;
  /** On any disk that is attached. Older agents do not say. */
  readonly otherSystems?: readonly OtherSystem[] | null;
}

export interface KdkFact {
  readonly version: string;
  readonly build: string;
  /** false = a husk: an update removed files, or the install was cut. */
  readonly complete: boolean;
  /** Variants (upper case) with a development kernel file in it. */
  readonly variants: readonly string[];
  /** Why it is not complete; null when it is. */
  readonly reason: string | null;
  /** Headroom installed it, so Headroom may remove it. Absent = somebody else did, or an older agent does not say. */
  readonly ours?: boolean;
}

export interface KernelCollectionFact {
  readonly path: string;
  readonly build: string | null;
  readonly variant: string | null;
  readonly sha256: string;
  readonly md5: string;
  /** LC_UUID of the fileset. */
  readonly uuid: string | null;
  /** Number of bundles in the fileset, the kernel not counted. */
  readonly bundles: number | null;
}

/** What the person's last visit left behind; see visit-kit/receipt. Texts are as the script wrote them. */
export interface ReceiptFact {
  readonly visitId: string;
  readonly nonce: string;
  /** UTC, by the clock of recoveryOS: advisory. */
  readonly writtenAt: string;
  /** Exit status of each step that ran, e.g. {csrutil: 0, "configure-boot": 0, nvram: 1}. */
  readonly steps: Readonly<Record<string, number>>;
  /** `coih` read back after configure-boot, or null. */
  readonly customKernel: string | null;
  readonly outcome: string;
}

export interface VisitKitFact {
  /** "" and 0 in the next = the manifest of an incomplete kit does not say. */
  readonly visitId: string;
  readonly quota: number;
  readonly kcSha256: string;
  readonly complete: boolean;
  /** Does `raise`, or its kernel collection, lie there? Older agents do not say. */
  readonly armed?: boolean;
}

/** A system that an update would install. */
export interface UpdateTarget {
  readonly version: string | null;
  readonly build: string | null;
}

/** An update that MDM enforces by declaration. */
export interface EnforcedUpdate {
  readonly version: string;
  /** null = the declaration names the version only. */
  readonly build: string | null;
  /** As declared: the Mac's local time, without a time zone. */
  readonly at: string;
}

export interface Facts {
  readonly schemaVersion: 1;
  readonly os: OsFacts;
  readonly kernel: KernelFacts;
  readonly hardware: HardwareFacts;
  readonly bootArgs: BootArgsFacts;
  readonly sip: SipFacts;
  readonly bootPolicy: BootPolicyFacts;
  readonly volumes: VolumeFacts;
  readonly fileVault: FileVaultStatus | null;
  readonly mdm: { readonly enrolled: boolean | null; readonly userApproved: boolean | null };
  readonly disk: { readonly freeBytes: number | null };
  readonly kdks: readonly KdkFact[] | null;
  readonly kernelCollections: readonly KernelCollectionFact[] | null;
  /** Bundle ids of third-party kexts loaded from the auxiliary collection. */
  readonly auxiliaryKexts: readonly string[] | null;
  readonly update: {
    readonly pending: readonly { readonly version: string; readonly build: string | null }[] | null;
    readonly autoInstall: boolean | null;
    readonly deferralDays: number | null;
    /** Does an update lie ready for the next shutdown? macOS shows signs of one, and none of there being none. */
    readonly prepared: boolean | null;
    /** What is prepared; null when nothing is known to be. Older agents do not say. */
    readonly preparedTarget?: UpdateTarget | null;
    /** Older agents do not say. */
    readonly enforced?: readonly EnforcedUpdate[] | null;
  };
  readonly guests: {
    /** Processes of running guests, macOS and Linux alike: an upper bound of macOS guests. */
    readonly processesAtMost: number | null;
    /** What kernel config and arguments in force allow; 2 on a release kernel. */
    readonly derivedQuota: number | null;
    readonly suspectedLeaked: number | null;
    /** null = nobody has counted in this boot. Older agents do not say. */
    readonly witness?: WitnessFact | null;
  };
  readonly boot: {
    readonly sessionId: string | null;
    /** Count of boots seen by this agent, from 1. */
    readonly ordinal: number | null;
    /** ISO time of the boot, by the Mac's clock. */
    readonly time: string | null;
  };
  /** Older agents do not say. */
  readonly kitFolder?: KitFolderStatus | null;
  /** What makes it foreign; null when it is not. Older agents do not say. */
  readonly kitFolderSeen?: string | null;
  readonly visitKit: VisitKitFact | null;
  readonly receipt: ReceiptFact | null;
  /** Path of each fact that is null because it could not be read (`kernel.config`, `kernelCollections[0].uuid`) -> reason in plain words. */
  readonly unknown: Readonly<Record<string, string>>;
}
