/**
 * diskutil: volumes, their group and the room in their container. Seen: macOS 12 to 26.
 * Errors come as a valid plist with `Error` true, some with exit status 0. Volumes are told by UUID, never by name or
 * position. `/` of a sealed system is a snapshot, and `VolumeUUID` there is the snapshot's (AsahiLinux/asahi-installer issues 65 and 97: 12.3).
 * Free room is the container's: `df` knows neither purgeable space nor snapshots.
 */
import { arrayAt, countAt, dictsAt, type PlistDict, parsePlistDict, stringAt } from './plist.ts';
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { linesOf, quote, uuidOf } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const DISKUTIL = '/usr/sbin/diskutil';
const diskutilInfoArgs = (volume: string): readonly string[] => ['info', '-plist', volume];
const diskutilApfsListArgs = (): readonly string[] => ['apfs', 'list', '-plist'];
const diskutilListUsersArgs = (volume: string): readonly string[] => ['apfs', 'listUsers', volume];

export interface VolumeInfo {
  /** `disk3s1s1`: of a running system its snapshot. */
  readonly device: string;
  readonly name: string | null;
  /** Of a snapshot its own, under which recoveryOS knows no volume. */
  readonly uuid: string | null;
  readonly isSnapshot: boolean;
  readonly group: string | null;
  /** `disk3`: the APFS container. */
  readonly container: string | null;
  readonly containerFreeBytes: number | null;
  readonly internal: boolean | null;
}

export interface Container {
  readonly reference: string;
  readonly freeBytes: number | null;
  /** Volumes of the role System; null when the list of volumes, or the roles of one, is not said. */
  readonly systems: readonly SystemVolume[] | null;
}

export interface SystemVolume {
  readonly device: string;
  readonly uuid: string;
  readonly name: string | null;
}

export interface CryptoUser {
  readonly uuid: string;
  readonly type: string | null;
  readonly volumeOwner: boolean | null;
}

export function readVolume(context: ToolContext, volume: string): Promise<Reading<VolumeInfo>> {
  return readTool(context, { path: DISKUTIL, args: diskutilInfoArgs(volume) }, parseInfo);
}

export function readContainers(context: ToolContext): Promise<Reading<readonly Container[]>> {
  return readTool(context, { path: DISKUTIL, args: diskutilApfsListArgs() }, parseApfsList);
}

export function readCryptoUsers(context: ToolContext, volume: string): Promise<Reading<readonly CryptoUser[]>> {
  return readTool(context, { path: DISKUTIL, args: diskutilListUsersArgs(volume) }, parseListUsers);
}

export function parseInfo({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<VolumeInfo> {
  const dict = diskutilDict(stdout, stderr);
  if (!dict.ok) return dict;
  const volume = dict.value;
  const device = stringAt(volume, 'DeviceIdentifier');
  if (device === null) return unknown('diskutil info describes no device');
  const uuid = uuidOf(stringAt(volume, 'VolumeUUID'));
  return known({
    device,
    name: stringAt(volume, 'VolumeName'),
    uuid,
    isSnapshot:
      volume['APFSSnapshot'] === true || (uuid !== null && uuidOf(stringAt(volume, 'APFSSnapshotUUID')) === uuid),
    group: uuidOf(stringAt(volume, 'APFSVolumeGroupID')),
    container: stringAt(volume, 'APFSContainerReference'),
    containerFreeBytes: countAt(volume, 'APFSContainerFree'),
    internal: typeof volume['Internal'] === 'boolean' ? volume['Internal'] : null,
  });
}

export function parseApfsList({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly Container[]> {
  const dict = diskutilDict(stdout, stderr);
  if (!dict.ok) return dict;
  const containers = allDictsAt(dict.value, 'Containers');
  if (containers === null) return unknown('diskutil apfs list names no containers');
  const found = containers.map((container) => ({
    reference: stringAt(container, 'ContainerReference'),
    freeBytes: countAt(container, 'CapacityFree'),
    systems: systemsIn(container),
  }));
  const named = found.flatMap(({ reference, ...rest }) => (reference === null ? [] : [{ reference, ...rest }]));
  // One that is passed over would hide the system in it.
  return named.length === found.length
    ? known(named)
    : unknown('diskutil apfs list names a container without its device');
}

/** null also when a member is no dict: a list that is whole, or none. */
function allDictsAt(dict: PlistDict, key: string): readonly PlistDict[] | null {
  const dicts = dictsAt(dict, key);
  return dicts?.length === arrayAt(dict, key)?.length ? dicts : null;
}

function systemsIn(container: PlistDict): readonly SystemVolume[] | null {
  const systems: SystemVolume[] = [];
  const volumes = allDictsAt(container, 'Volumes');
  if (volumes === null) return null;
  for (const volume of volumes) {
    const roles = volume['Roles'];
    if (!Array.isArray(roles)) return null;
    if (!roles.includes('System')) continue;
    const [device, uuid] = [stringAt(volume, 'DeviceIdentifier'), uuidOf(stringAt(volume, 'APFSVolumeUUID'))];
    if (device === null || uuid === null) return null;
    systems.push({ device, uuid, name: stringAt(volume, 'Name') });
  }
  return systems;
}

/** Volume groups with the devices of their roles, from `diskutil apfs listVolumeGroups -plist`. */
export function parseVolumeGroups({
  stdout,
  stderr,
}: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly VolumeGroup[]> {
  const dict = diskutilDict(stdout, stderr);
  if (!dict.ok) return dict;
  const groups = dictsAt(dict.value, 'Containers')?.flatMap((container) => dictsAt(container, 'VolumeGroups') ?? []);
  return groups === undefined ? unknown('diskutil lists no containers') : known(groups.flatMap(groupOf));
}

export interface VolumeGroup {
  readonly uuid: string;
  readonly name: string | null;
  readonly system: string | null;
  readonly data: string | null;
}

function groupOf(group: PlistDict): readonly VolumeGroup[] {
  const uuid = uuidOf(stringAt(group, 'APFSVolumeGroupUUID'));
  const volumes = dictsAt(group, 'Volumes') ?? [];
  const device = (role: string) => {
    const volume = volumes.find((candidate) => stringAt(candidate, 'Role') === role);
    return volume === undefined ? null : stringAt(volume, 'DeviceIdentifier');
  };
  return uuid === null ? [] : [{ uuid, name: stringAt(group, 'Name'), system: device('System'), data: device('Data') }];
}

/** The tree of `diskutil apfs listUsers`: a line `+-- UUID`, then its fields. */
export function parseListUsers({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly CryptoUser[]> {
  return firstReading([stdout, stderr], (text) => usersIn(linesOf(text), quote(stderr, stdout)));
}

function usersIn(lines: readonly string[], printed: string): Reading<readonly CryptoUser[]> {
  const head = lines.find((line) => /^\s*(Cryptographic users? for|No cryptographic users)/i.test(line));
  if (head === undefined) return unknown(`diskutil listed no users: ${printed}`);
  const users: { uuid: string; type: string | null; volumeOwner: boolean | null }[] = [];
  for (const line of lines) {
    const uuid = uuidOf(/^[|\s]*\+--?>?\s*([0-9A-Fa-f-]{36})\s*$/.exec(line)?.[1]);
    if (uuid !== null) users.push({ uuid, type: null, volumeOwner: null });
    const user = users.at(-1);
    const field = /^[|\s]*(Type|Volume Owner):\s*(\S.*?)\s*$/.exec(line);
    if (user === undefined || field === null) continue;
    if (field[1] === 'Type') user.type = field[2] ?? null;
    else user.volumeOwner = field[2] === 'Yes' ? true : field[2] === 'No' ? false : null;
  }
  const announced = /^\s*No /i.test(head) ? 0 : Number(/\((\d+) found\)/.exec(head)?.[1]);
  if (announced !== users.length)
    return unknown(`diskutil lists ${users.length} users that can be read, after: ${quote(head)}`);
  if (users.some(({ type }) => type === null)) return unknown('diskutil does not say of each user what it is');
  return known(users);
}

function diskutilDict(stdout: string, stderr: string): Reading<PlistDict> {
  const dict = parsePlistDict(stdout);
  if (!dict.ok) return unknown(`diskutil: ${dict.reason}: ${quote(stderr, stdout)}`);
  if (dict.value['Error'] === true) return unknown(`diskutil: ${stringAt(dict.value, 'ErrorMessage') ?? 'error'}`);
  return dict;
}
