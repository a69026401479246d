/**
 * The state of one simulated Mac: all that a real Mac keeps in hardware, firmware, boot policy, NVRAM and memory.
 * Everything the tools print is rendered from it. Plain JSON; changed only through `updateState`.
 */

/** `unlock` = the kernel runs, and FileVault waits for somebody to sign in; no daemon runs before. */
export type Power = 'off' | 'macos' | 'unlock' | 'recovery' | 'failed';
/** Kernels that can run here. */
export type KernelConfig = 'release' | 'development';
export type GuestKind = 'macos' | 'linux';

export interface Hardware {
  model: string;
  /** Marketing name, e.g. "Apple M2 Pro"; an Intel Mac has the processor's name. */
  chip: string;
  /** CHIP of the boot policy, e.g. "0x6020". */
  chipId: string;
  /** BORD of the boot policy, e.g. "0x4". */
  boardId: string;
  /** Last field of `uname -v`: T6020, VMAPPLE, X86_64. */
  variant: string;
  /** Board name that `hw.target` prints, e.g. "J414sAP". */
  target: string;
  /** Upper case. What grants name. */
  hostUuid: string;
  serial: string;
  /** e.g. "0x4491A0F2B401E". */
  ecid: string;
  memoryBytes: number;
  cores: number;
}

export interface OsState {
  version: string;
  build: string;
  /** `(c)` for a rapid response, else `""`. */
  extra: string;
  /** Build that a KDK must match. */
  baseBuild: string;
  /** e.g. 23.5.0 */
  darwin: string;
  /** e.g. 10063.121.3~5 */
  xnu: string;
  /** Date in the kernel's version text, e.g. "Wed May  1 20:14:59 PDT 2024". */
  buildDate: string;
}

export interface Volumes {
  /** Volume group UUID: `vuid` of the boot policy. */
  group: string;
  systemUuid: string;
  dataUuid: string;
  systemName: string;
  dataVolumeName: string;
  /** Is this system the default startup volume? */
  startupDefault: boolean;
  fileVault: boolean;
  /** Room for all files of this Mac, which only configure-boot comes up against. Absent = more than it ever needs. */
  sizeBytes?: number;
  /** Absent = none. */
  others?: OtherVolume[];
  /** Further systems on the internal disk, as macOS lists them; recoveryOS mounts none of theirs. Absent = none. */
  otherSystems?: OtherSystem[];
}

export interface Account {
  name: string;
  /** Known to the scripted person only; no tool prints it. */
  password: string;
  uuid: string;
  volumeOwner: boolean;
  admin: boolean;
}

/** The boot policy (LocalPolicy) as firmware keeps it. Names are the tags that `bputil` prints; hashes are 96 upper-case hex digits. */
export interface BootPolicy {
  smb0: boolean;
  smb1: boolean;
  smb2: boolean;
  smb3: boolean;
  smb4: boolean;
  /** SIP flags as hex (`7f`); null = absent = SIP enabled. */
  sip0: string | null;
  sip1: boolean;
  sip2: boolean;
  /** true = boot-argument filtering is off. */
  sip3: boolean;
  /** Custom kernel object; null = absent = the stock kernel boots. */
  coih: string | null;
  nsih: string;
  lpnh: string;
  rpnh: string;
  ronh: string;
  spih: string;
  stng: number;
  /** KEK group UUID. */
  kuid: string;
  /** OS version in the policy's form, e.g. "23.6.79.0.0,0". */
  love: string;
  auxp: string | null;
  auxi: string | null;
  auxr: string | null;
}

/** What is true of one boot of macOS; null in `SimState.boot` when macOS isn't running. */
export interface Boot {
  sessionId: string;
  /** ISO time. */
  time: string;
  kernel: KernelConfig;
  /** `kern.uuid`: LC_UUID of the kernel. */
  kernelUuid: string;
  /** `kern.filesetuuid`: LC_UUID of the loaded collection. */
  filesetUuid: string;
  /** What `uname -v` prints. */
  kernelVersionText: string;
  bootArgsInForce: string;
  /** Does this kernel hold the string `hv_apple_isa_vm_quota`? */
  honoursQuota: boolean;
}

/** NVRAM is buffered: `unflushed` (null = deleted) hides `stored` until a sync or a clean restart, and a power cut loses it. */
export interface Nvram {
  stored: Record<string, string>;
  unflushed: Record<string, string | null>;
}

/** What is true of one stay in recoveryOS; null when not there. */
export interface RecoverySession {
  /** Entered by holding the power button (one true recoveryOS), paired with the default system. */
  paired: boolean;
  /** The power button was held, so this is some system's one true recoveryOS. Absent = as `paired`. */
  heldButton?: boolean;
  /** csrutil changed the policy in this session: bare `nvram boot-args=` is refused until the next boot. */
  sipChanged: boolean;
}

/** How a custom kernel fails that boots on other Macs. */
export type KernelFault = 'hangs' | 'panics';

/** Another volume that recoveryOS mounts: a USB stick, or the Data volume of another system. */
export interface OtherVolume {
  name: string;
  /** Folder of this machine that stands for it. */
  folder: string;
  /** Volume group, when it belongs to another system; recoveryOS is never paired with that one. */
  group: string | null;
}

/** Another macOS beside this one, in a volume group of its own. */
export interface OtherSystem {
  name: string;
  group: string;
  systemUuid: string;
  dataUuid: string;
}

export type ToolFault = 'fails' | 'hangs' | 'missing';

/** Switches for what differs between Macs and systems, and for misbehaviour. */
export interface Behaviour {
  /** Does `nvram GUID:boot-args=` work in recoveryOS? */
  nvramGuidFormInRecovery: boolean;
  /** Does `nvram boot-args=` work in recoveryOS? Public reports contradict each other. */
  nvramBareFormInRecovery: boolean;
  /** Can `kern.filesetuuid` be read on this build? */
  filesetUuidReadable: boolean;
  /** Names of AdminUserRecoveryInfo.plist are stale: configure-boot says "not a valid admin user". */
  recoveryUsersStale: boolean;
  /** Does `kmutil create` append the variant suffix to the file name? */
  kmutilAppendsSuffix: boolean;
  /** With FileVault each start waits at the unlock screen for `unlockMac`. Absent = somebody signs in at once. */
  waitsForUnlock?: boolean;
  /** Misbehaviour that a Mac has only when somebody asks for it. */
  faults?: Faults;
  /** Tools that misbehave: path below `/` (usr/bin/bputil) -> how. */
  brokenTools: Record<string, ToolFault>;
}

/** Each absent = as on a Mac in order. */
export interface Faults {
  /** recoveryOS has no Internet: nothing goes to Full Security (Code 102). */
  offlineInRecovery?: boolean;
  /** Apple no longer signs this system, so that it cannot go to Full Security. */
  systemNotOffered?: boolean;
  /** A cloned system: no recoveryOS is ever paired with it. */
  neverPaired?: boolean;
  /** The policy is stuck: configure-boot ends with pairing (17) until `bputil -f`. */
  pairingStuck?: boolean;
  /** configure-boot ends with "Invalid Mach-O boot properties". */
  invalidBootProperties?: boolean;
  /** csrutil says that SIP is off, ends with 0, and changes nothing until `csrutil clear`. */
  csrutilIgnored?: boolean;
  /** `csrutil disable` leaves boot-argument filtering on; `bputil -a` lifts it. */
  csrutilKeepsFiltering?: boolean;
  /** configure-boot asks, ends with 0, and changes nothing, once. */
  configureBootIgnored?: boolean;
  /** `nvram -s` saves nothing. */
  nvramSaveIgnored?: boolean;
  /** nvram of recoveryOS reads no variable: another answer than that it is not there. */
  nvramUnreadable?: boolean;
  /** Data is not mounted when recoveryOS starts; with FileVault it has to be unlocked. */
  dataNotMounted?: boolean;
  /** /Volumes/<System>/Library leads to Data too. */
  dataSeenThroughSystem?: boolean;
  /** A pending update installs itself at the shutdown before recoveryOS. */
  updatesAtShutdown?: boolean;
  /** Power fails in recoveryOS right after the tool call that begins so, e.g. `csrutil disable`: all it did is done. */
  powerFailsAfter?: string;
  kernelFault?: KernelFault;
  /** Boot argument without which the custom kernel panics. */
  kernelNeedsArg?: string;
}

export interface SimState {
  schemaVersion: 1;
  id: string;
  hardware: Hardware;
  os: OsState;
  volumes: Volumes;
  accounts: Account[];
  power: Power;
  /** Password that MDM set on recoveryOS; known to the scripted person only. Absent = none is asked. */
  recoveryLock?: string;
  /** Text on the screen when power is `failed` or `unlock`. */
  screen: string | null;
  /** Boots of macOS since the Mac was made. */
  bootCount: number;
  boot: Boot | null;
  recovery: RecoverySession | null;
  nvram: Nvram;
  policy: BootPolicy;
  behaviour: Behaviour;
  guests: { kind: GuestKind; pid: number }[];
  /** Quota slots kept by guests that ended badly; freed by a boot only. */
  leakedSlots: number;
  mdmEnrolled: boolean;
  /** `softwareupdate --list` offers this; null = nothing. */
  pendingUpdate: PendingUpdate | null;
}

export interface PendingUpdate {
  version: string;
  build: string;
  /** It lies ready in Preboot. Absent = it does not. */
  prepared?: boolean;
  /** MDM enforces it at this local time. Absent = it does not. */
  enforcedAt?: string;
}

export const BOOT_NAMESPACE_GUID = '40A0DDD2-77F8-4392-B4A3-1E7304206516';

/** NVRAM variable as the running system sees it: null when not there. */
export function nvramValue(state: SimState, name: string): string | null {
  if (Object.hasOwn(state.nvram.unflushed, name)) return state.nvram.unflushed[name] ?? null;
  return state.nvram.stored[name] ?? null;
}

/** All visible NVRAM variables, sorted by name. */
export function nvramAll(state: SimState): [string, string][] {
  const names = new Set([...Object.keys(state.nvram.stored), ...Object.keys(state.nvram.unflushed)]);
  return [...names].sort().flatMap((name): [string, string][] => {
    const value = nvramValue(state, name);
    return value === null ? [] : [[name, value]];
  });
}

/** Saves buffered NVRAM writes, as `nvram -s` and a clean restart do. */
export function flushNvram(state: SimState): void {
  for (const [name, value] of Object.entries(state.nvram.unflushed)) {
    if (value === null) delete state.nvram.stored[name];
    else state.nvram.stored[name] = value;
  }
  state.nvram.unflushed = {};
}

export type SecurityMode = 'full' | 'reduced' | 'permissive';

export function securityMode(policy: BootPolicy): SecurityMode {
  if (!policy.smb0) return 'full';
  return policy.smb1 ? 'permissive' : 'reduced';
}
