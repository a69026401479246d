/**
 * Reads everything that facts are made of, a few tools at a time. Guarantee: never throws for what one source does; each
 * gives a value or a reason, so one broken tool costs only its own facts.
 */
import type { FileVaultStatus, KdkFact, ReceiptFact, RecoveryAdmin, UpdateTarget, VisitKitFact } from '@headroom/core';
import { type BootPolicy, readBootPolicy } from '../macos/bputil.ts';
import { readCsrutil, type Sip } from '../macos/csrutil.ts';
import * as disk from '../macos/diskutil.ts';
import { readFileVault } from '../macos/fdesetup.ts';
import { type Platform, readPlatform } from '../macos/ioreg.ts';
import { type LoadedKext, readAuxiliaryKexts } from '../macos/kmutil.ts';
import { type NvramVariable, readNvram } from '../macos/nvram.ts';
import type { PlistDict } from '../macos/plist.ts';
import { readPreferences } from '../macos/plutil.ts';
import { readProposedSystem } from '../macos/prepared-update.ts';
import { type Enrollment, readEnrollment } from '../macos/profiles.ts';
import { readGuestProcesses } from '../macos/ps.ts';
import { type Reading, unknown } from '../macos/reading.ts';
import { readRecoveryAdmins } from '../macos/recovery-admins.ts';
import { type OfferedUpdate, readUpdates } from '../macos/softwareupdate.ts';
import { readSwVers, type SystemVersion } from '../macos/sw-vers.ts';
import { readSysctl, type SysctlValues } from '../macos/sysctl.ts';
import * as profiler from '../macos/system-profiler.ts';
import type { ToolContext } from '../macos/tool.ts';
import { type KernelVersion, readUname } from '../macos/uname.ts';
import { readUpdateDeclarations, type UpdateDeclarations } from '../macos/update-declarations.ts';
import type { Witness } from '../state/witness.ts';
import { readKdks } from './kdks.ts';
import { type CollectionReading, readKernelCollections } from './kernel-collections.ts';
import { type KitFolder, readKitFolder } from './kit-folder.ts';
import { createLimit } from './limit.ts';
import { SYSCTL_NAMES } from './sysctl-names.ts';
import { readReceipt, readVisitKit } from './visit-files.ts';
import { readWitness } from './witness.ts';

const TOOLS_AT_ONCE = 4;
const DATA_VOLUME = '/System/Volumes/Data';

const SOFTWARE_UPDATE_PREFERENCES = '/Library/Preferences/com.apple.SoftwareUpdate.plist';
const MANAGED_SOFTWARE_UPDATE = '/Library/Managed Preferences/com.apple.SoftwareUpdate.plist';
const MANAGED_RESTRICTIONS = '/Library/Managed Preferences/com.apple.applicationaccess.plist';

export interface MacReadings {
  readonly swVers: Reading<SystemVersion>;
  readonly uname: Reading<KernelVersion>;
  readonly sysctl: Reading<SysctlValues>;
  readonly storedBootArgs: Reading<NvramVariable>;
  readonly bootVolume: Reading<NvramVariable>;
  readonly sip: Reading<Sip>;
  readonly policy: Reading<BootPolicy>;
  readonly shownPolicy: Reading<profiler.ShownPolicy>;
  readonly hardware: Reading<profiler.HardwareOverview>;
  readonly platform: Reading<Platform>;
  readonly rootVolume: Reading<disk.VolumeInfo>;
  readonly dataVolume: Reading<disk.VolumeInfo>;
  readonly containers: Reading<readonly disk.Container[]>;
  readonly cryptoUsers: Reading<readonly disk.CryptoUser[]>;
  readonly recoveryAdmins: Reading<readonly RecoveryAdmin[]>;
  readonly fileVault: Reading<FileVaultStatus>;
  readonly enrollment: Reading<Enrollment>;
  readonly updates: Reading<readonly OfferedUpdate[]>;
  readonly proposedSystem: Reading<UpdateTarget>;
  readonly updateDeclarations: Reading<UpdateDeclarations>;
  readonly updatePreferences: Reading<PlistDict>;
  readonly managedUpdatePreferences: Reading<PlistDict>;
  readonly managedRestrictions: Reading<PlistDict>;
  readonly auxiliaryKexts: Reading<readonly LoadedKext[]>;
  readonly guestProcesses: Reading<number>;
  readonly kdks: Reading<readonly KdkFact[]>;
  readonly kernelCollections: Reading<readonly CollectionReading[]>;
  readonly kitFolder: Reading<KitFolder>;
  /** null = nobody has counted guests. */
  readonly witness: Reading<Witness | null>;
  /** null = there is none. */
  readonly visitKit: Reading<VisitKitFact | null>;
  readonly receipt: Reading<ReceiptFact | null>;
}

export async function readMac(context: ToolContext): Promise<MacReadings> {
  const limit = createLimit(TOOLS_AT_ONCE);
  const read = <T>(source: () => Promise<Reading<T>>): Promise<Reading<T>> => limit(() => neverThrow(source));
  const rootVolume = read(() => disk.readVolume(context, '/'));
  return allOf({
    swVers: read(() => readSwVers(context)),
    uname: read(() => readUname(context)),
    sysctl: read(() => readSysctl(context, SYSCTL_NAMES)),
    storedBootArgs: read(() => readNvram(context, 'boot-args')),
    bootVolume: read(() => readNvram(context, 'boot-volume')),
    sip: read(() => readCsrutil(context)),
    rootVolume,
    ...policyReadings(context, rootVolume, read),
    recoveryAdmins: inPreboot(rootVolume, read, (group) => readRecoveryAdmins(context, group)),
    proposedSystem: inPreboot(rootVolume, read, (group) => readProposedSystem(context, group)),
    hardware: read(() => profiler.readHardwareOverview(context)),
    platform: read(() => readPlatform(context)),
    dataVolume: read(() => disk.readVolume(context, DATA_VOLUME)),
    containers: read(() => disk.readContainers(context)),
    cryptoUsers: read(() => disk.readCryptoUsers(context, '/')),
    fileVault: read(() => readFileVault(context)),
    enrollment: read(() => readEnrollment(context)),
    updates: read(() => readUpdates(context)),
    updateDeclarations: read(() => readUpdateDeclarations(context)),
    updatePreferences: read(() => readPreferences(context, SOFTWARE_UPDATE_PREFERENCES)),
    managedUpdatePreferences: read(() => readPreferences(context, MANAGED_SOFTWARE_UPDATE)),
    managedRestrictions: read(() => readPreferences(context, MANAGED_RESTRICTIONS)),
    auxiliaryKexts: read(() => readAuxiliaryKexts(context)),
    guestProcesses: read(() => readGuestProcesses(context)),
    kdks: read(() => readKdks(context)),
    kernelCollections: read(() => readKernelCollections(context)),
    kitFolder: read(() => readKitFolder(context)),
    witness: read(() => readWitness(context)),
    visitKit: read(() => readVisitKit(context)),
    receipt: read(() => readReceipt(context)),
  });
}

type Read = <T>(source: () => Promise<Reading<T>>) => Promise<Reading<T>>;

/** What lies in the folder of Preboot that bears the volume group's name. */
function inPreboot<T>(
  rootVolume: Promise<Reading<disk.VolumeInfo>>,
  read: Read,
  source: (group: string) => Promise<Reading<T>>,
): Promise<Reading<T>> {
  return rootVolume.then((volume) => {
    const group = volume.ok ? volume.value.group : null;
    return group === null ? unknown('the volume group is not known') : read(() => source(group));
  });
}

/** bputil wants the volume group's name. What system_profiler shows is asked only where bputil (root only) does not answer. */
function policyReadings(context: ToolContext, rootVolume: Promise<Reading<disk.VolumeInfo>>, read: Read) {
  const policy = rootVolume.then((volume) => {
    if (!volume.ok) return unknown(`the volume group is not known: ${volume.reason}`);
    const { group } = volume.value;
    return group === null ? unknown('the system volume is in no group') : read(() => readBootPolicy(context, group));
  });
  const shownPolicy = policy.then((found) =>
    found.ok ? unknown('not asked, as bputil answered') : read(() => profiler.readShownPolicy(context)),
  );
  return { policy, shownPolicy };
}

async function neverThrow<T>(source: () => Promise<Reading<T>>): Promise<Reading<T>> {
  try {
    return await source();
  } catch (error) {
    return unknown(`reading failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Awaitable<T> = { readonly [K in keyof T]: Promise<T[K]> };

async function allOf<T extends object>(promises: Awaitable<T>): Promise<T> {
  const entries = Object.entries(promises) as [string, Promise<unknown>][];
  const values = await Promise.all(entries.map(async ([key, value]) => [key, await value] as const));
  return Object.fromEntries(values) as T;
}
