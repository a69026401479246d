/** Facts about volumes, their owners, and the room on the disk. */
import type { Facts, OtherSystem, RecoveryAdmin, VolumeFacts } from '@headroom/core';
import type { Container, CryptoUser, SystemVolume } from '../macos/diskutil.ts';
import { bootVolumeGroup } from '../macos/nvram.ts';
import { known, part, type Reading, unknown } from '../macos/reading.ts';
import type { MacReadings } from './read-mac.ts';
import type { UnknownLog } from './unknown-log.ts';

export function volumeFacts(readings: MacReadings, log: UnknownLog): VolumeFacts {
  const { rootVolume, cryptoUsers, recoveryAdmins } = readings;
  const nameOf = (uuid: string) => part(recoveryAdmins, nameIn(uuid), 'no admin of recoveryOS has this UUID');
  return {
    systemUuid: log.take('volumes.systemUuid', systemUuid(readings)),
    dataUuid: log.take('volumes.dataUuid', dataUuid(readings)),
    group: log.field('volumes.group', rootVolume, 'group', 'the system volume is in no group'),
    systemName: log.field('volumes.systemName', rootVolume, 'name', 'diskutil names no system volume'),
    owners: log.items('volumes.owners', ownersOf(cryptoUsers), (uuid, at) => ({
      user: log.take(`${at}.user`, nameOf(uuid)),
      uuid,
    })),
    recoveryAdmins: log.take('volumes.recoveryAdmins', recoveryAdmins),
    startupDefault: log.take('volumes.startupDefault', startupDefault(readings)),
    otherSystems: log.take('volumes.otherSystems', otherSystems(readings)),
  };
}

/**
 * What recoveryOS finds the volume by. A sealed system runs from a snapshot, which diskutil describes under a UUID of its own, another
 * one after each update: then the container's list says which UUID the volume has.
 */
function systemUuid({ rootVolume, containers }: MacReadings): Reading<string> {
  if (!rootVolume.ok) return rootVolume;
  const { device, uuid, isSnapshot } = rootVolume.value;
  if (!isSnapshot) return uuid === null ? unknown('diskutil names no UUID of the system volume') : known(uuid);
  if (!containers.ok)
    return unknown(`a snapshot of the system volume runs, and the volume cannot be read: ${containers.reason}`);
  const listed = containers.value.flatMap(({ systems }) => systems ?? []);
  const volume = listed.find((system) => isRunBy(device, system));
  return volume === undefined ? unknown(NOT_LISTED) : known(volume.uuid);
}

/** The Data volume only counts when it is in the system's own group: another system may be mounted there. */
function dataUuid({ rootVolume, dataVolume }: MacReadings): Reading<string> {
  if (!dataVolume.ok) return dataVolume;
  if (!rootVolume.ok) return rootVolume;
  const { group, uuid } = dataVolume.value;
  if (group === null || group !== rootVolume.value.group)
    return unknown('the Data volume is not in the group of the system volume');
  return uuid === null ? unknown('diskutil names no UUID of the Data volume') : known(uuid);
}

/** diskutil names no names; the list of recoveryOS does. */
function nameIn(uuid: string): (admins: readonly RecoveryAdmin[]) => string | null {
  return (admins) => admins.find((admin) => admin.uuid === uuid)?.user ?? null;
}

const PERSON = 'Local Open Directory User';
/** Listed as owners too, but nobody can sign in with them. */
const KEYS = [
  'Personal Recovery User',
  'iCloud Recovery User',
  'iCloud Recovery External Key',
  'Institutional Recovery User',
  'Institutional Recovery External Key',
  'MDM Bootstrap Token External Key',
];

/** UUIDs of the people among the owners. An owner of a kind that is not known may be one. */
function ownersOf(users: Reading<readonly CryptoUser[]>): Reading<readonly string[]> {
  if (!users.ok) return users;
  const strange = users.value.find(({ type, volumeOwner }) => volumeOwner !== false && !isKnownKind(type));
  if (strange !== undefined) return unknown(`diskutil lists an owner of a kind that is not known: ${strange.type}`);
  const people = users.value.filter(({ type }) => type === PERSON);
  if (people.some(({ volumeOwner }) => volumeOwner === null))
    return unknown('diskutil does not say of each user whether it is an owner');
  return known(people.filter(({ volumeOwner }) => volumeOwner === true).map(({ uuid }) => uuid));
}

function isKnownKind(type: string | null): boolean {
  return type !== null && [PERSON, ...KEYS].includes(type);
}

function startupDefault({ bootVolume, rootVolume }: MacReadings): Reading<boolean> {
  if (!bootVolume.ok) return bootVolume;
  if (!bootVolume.value.present) return unknown('nvram holds no boot-volume');
  const group = bootVolumeGroup(bootVolume.value.value);
  if (group === null) return unknown('boot-volume in nvram does not end in a volume group UUID');
  return part(
    rootVolume,
    (volume) => (volume.group === null ? null : volume.group === group),
    'the system volume is in no group',
  );
}

/** Told by device. Without our own in the list it is not complete. */
function otherSystems({ rootVolume, containers }: MacReadings): Reading<readonly OtherSystem[]> {
  if (!rootVolume.ok) return rootVolume;
  const systems = systemVolumes(containers);
  if (!systems.ok) return systems;
  const others = systems.value.filter((system) => !isRunBy(rootVolume.value.device, system));
  if (others.length === systems.value.length) return unknown(NOT_LISTED);
  return known(others.map(({ name, uuid }) => ({ name, systemUuid: uuid })));
}

const NOT_LISTED = 'diskutil apfs list does not name the system that runs';

function systemVolumes(containers: Reading<readonly Container[]>): Reading<readonly SystemVolume[]> {
  if (!containers.ok) return containers;
  const lists = containers.value.map(({ systems }) => systems);
  if (lists.includes(null)) return unknown('diskutil names a volume without its role or its UUID');
  return known(lists.flatMap((systems) => systems ?? []));
}

/** What runs is the volume itself (disk3s1) or a snapshot of it (disk3s1s1). */
function isRunBy(running: string, { device }: SystemVolume): boolean {
  return running === device || running.startsWith(`${device}s`);
}

/** Room in the APFS container of the system volume. */
export function diskFacts({ rootVolume, containers }: MacReadings, log: UnknownLog): Facts['disk'] {
  return { freeBytes: log.take('disk.freeBytes', freeBytes(rootVolume, containers)) };
}

function freeBytes(rootVolume: MacReadings['rootVolume'], containers: MacReadings['containers']): Reading<number> {
  if (!rootVolume.ok) return rootVolume;
  const { container, containerFreeBytes } = rootVolume.value;
  if (containerFreeBytes !== null) return known(containerFreeBytes);
  return part(
    containers,
    (all) => all.find(({ reference }) => reference === container)?.freeBytes ?? null,
    `diskutil does not say how much is free in ${container ?? 'the container of the system volume'}`,
  );
}
