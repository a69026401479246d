/**
 * Makes a simulated Mac: switched off, stock, with one admin who owns the volumes. The same id gives the same identities, so a
 * Mac can be made again.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAppleSilicon, type MacModel, macFor } from './catalogue/macs.ts';
import { seededHash, seededHex, seededSerial, seededUuid } from './catalogue/seeded.ts';
import { type SystemBuild, systemFor } from './catalogue/systems.ts';
import { simPaths } from './paths.ts';
import { dict, plist } from './render/plist.ts';
import { type BootPolicy, type OsState, type SimState, writeNewState } from './state.ts';

export interface CreateOptions {
  readonly variant: string;
  readonly version: string;
  readonly build: string;
  readonly model?: string;
  /** Seed of all identities; without it, random. */
  readonly id?: string;
  /** Name of the system volume; default "Macintosh HD". */
  readonly systemName?: string;
  readonly fileVault?: boolean;
}

const SYSTEM_GUID_PREFIX = 'EF57347C-0000-AA11-AA11-00306543ECAC';
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function createMac(dir: string, options: CreateOptions): SimState {
  const mac = macFor(options.variant, options.model);
  const system = systemFor(options.version, options.build);
  const id = options.id ?? `${mac.variant.toLowerCase()}-${randomBytes(3).toString('hex')}`;
  if (!ID.test(id)) throw new Error(`id ${JSON.stringify(id)}: expected 1 to 64 letters, digits, ".", "_" or "-"`);
  if (existsSync(dir) && readdirSync(dir).length > 0)
    throw new Error(`${dir}: not empty. A simulated Mac needs a folder of its own.`);
  const state = composeState(id, mac, system, options);
  layOut(dir, state);
  writeNewState(dir, state);
  return state;
}

/** State of a new Mac that was never switched on. */
export function composeState(
  id: string,
  mac: MacModel,
  system: SystemBuild,
  options: Pick<CreateOptions, 'systemName' | 'fileVault'>,
): SimState {
  const group = seededUuid(id, 'volume group');
  const systemUuid = seededUuid(id, 'system volume');
  return {
    schemaVersion: 1,
    id,
    hardware: {
      model: mac.model,
      chip: mac.chip,
      chipId: mac.chipId,
      boardId: mac.boardId,
      variant: mac.variant,
      target: mac.target,
      hostUuid: seededUuid(id, 'host'),
      serial: seededSerial(id),
      ecid: `0x${seededHex(id, 'ecid', 8)}0401E`,
      memoryBytes: mac.memoryBytes,
      cores: mac.cores,
    },
    os: osState(system),
    volumes: {
      group,
      systemUuid,
      dataUuid: seededUuid(id, 'data volume'),
      systemName: options.systemName ?? 'Macintosh HD',
      dataVolumeName: 'Data',
      startupDefault: true,
      fileVault: options.fileVault ?? false,
    },
    accounts: [
      {
        name: 'admin',
        password: `sim-${seededHex(id, 'password', 8)}`,
        uuid: seededUuid(id, 'admin'),
        volumeOwner: true,
        admin: true,
      },
    ],
    power: 'off',
    screen: null,
    bootCount: 0,
    boot: null,
    recovery: null,
    nvram: {
      stored: { 'auto-boot': 'true', 'boot-volume': `${SYSTEM_GUID_PREFIX}:${systemUuid}:${group}` },
      unflushed: {},
    },
    policy: stockPolicy(id, system),
    behaviour: {
      // Seen to work on 14.0; nobody has shown it on newer systems, so those take the longer way over macOS.
      nvramGuidFormInRecovery: Number.parseInt(system.version, 10) < 15,
      nvramBareFormInRecovery: false,
      filesetUuidReadable: isAppleSilicon(mac.variant),
      recoveryUsersStale: false,
      kmutilAppendsSuffix: false,
      brokenTools: {},
    },
    guests: [],
    leakedSlots: 0,
    mdmEnrolled: false,
    pendingUpdate: null,
  };
}

export function osState(system: SystemBuild): OsState {
  const { version, build, extra, baseBuild, darwin, xnu, date } = system;
  return { version, build, extra, baseBuild, darwin, xnu, buildDate: date };
}

/** The policy that installing a system writes: Full Security, nothing lowered. Its hashes follow from Mac and build. */
export function stockPolicy(id: string, system: SystemBuild): BootPolicy {
  const seed = `${id} ${system.build}`;
  return {
    smb0: false,
    smb1: false,
    smb2: false,
    smb3: false,
    smb4: false,
    sip0: null,
    sip1: false,
    sip2: false,
    sip3: false,
    coih: null,
    nsih: seededHash(seed, 'nsih'),
    lpnh: seededHash(seed, 'lpnh'),
    rpnh: seededHash(id, 'rpnh'),
    ronh: seededHash(id, 'ronh'),
    spih: seededHash(seed, 'spih'),
    stng: Number.parseInt(system.darwin, 10),
    kuid: seededUuid(id, 'kek group'),
    love: `${system.darwin.split('.').slice(0, 2).join('.')}.${system.baseBuild.replace(/^..[A-Z]|[a-z]$/g, '')}.0.0,0`,
    auxp: null,
    auxi: null,
    auxr: null,
  };
}

const FOLDERS = [
  'Library/Preferences',
  'System/Library/Extensions',
  'System/Library/DriverExtensions',
  'System/Volumes',
  'Users/Shared',
  'Volumes',
  'private/tmp',
  'private/var/db',
  'private/var/root',
] as const;
const LINKS = [
  ['tmp', 'private/tmp'],
  ['var', 'private/var'],
] as const;

/** As XML; a Mac keeps it in binary form. Nothing installs itself, as on hosts that are looked after. */
const UPDATE_PREFERENCES = plist(
  dict({ AutomaticCheckEnabled: true, AutomaticDownload: false, AutomaticallyInstallMacOSUpdates: false }),
);

function layOut(dir: string, state: SimState): void {
  const paths = simPaths(dir);
  // As on a Mac, whatever this user's umask: what lies above the visit kit is for root alone to write.
  for (const folder of FOLDERS) mkdirSync(join(dir, folder), { recursive: true, mode: 0o755 });
  for (const [link, target] of LINKS) symlinkSync(target, join(dir, link));
  mkdirSync(paths.preboot, { recursive: true });
  symlinkSync('../../.mac-sim/preboot', join(dir, 'System/Volumes/Preboot'));
  writeSystemVersion(dir, state.os);
  writeFileSync(join(dir, 'Library/Preferences/com.apple.SoftwareUpdate.plist'), UPDATE_PREFERENCES);
  const users = join(paths.preboot, state.volumes.group, 'var/db/AdminUserRecoveryInfo.plist');
  mkdirSync(dirname(users), { recursive: true });
  writeFileSync(users, recoveryUsers(state));
}

export function writeSystemVersion(dir: string, os: OsState): void {
  const file = join(dir, 'System/Library/CoreServices/SystemVersion.plist');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    plist(
      dict({
        ProductBuildVersion: os.build,
        ProductName: 'macOS',
        ProductUserVisibleVersion: os.version,
        ProductVersion: os.version,
      }),
    ),
  );
}

/** The list of admins that recoveryOS uses, in the form in which public tools read it. */
function recoveryUsers(state: SimState): string {
  const admins = state.accounts.filter(({ admin, volumeOwner }) => admin && volumeOwner);
  return plist(
    dict(Object.fromEntries(admins.map(({ uuid, name }) => [name, dict({ GeneratedUID: uuid, RealName: name })]))),
  );
}
