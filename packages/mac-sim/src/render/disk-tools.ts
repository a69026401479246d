/** diskutil and df: volumes, their group, and who owns them. */
import { seededUuid } from '../catalogue/seeded.ts';
import type { SimState } from '../state-model.ts';
import { lines, type Output } from './output.ts';
import { dict, integer, type PlistValue, plist } from './plist.ts';

const DISKUTIL = 'usr/sbin/diskutil';
export const DF = 'bin/df';
export const DATA_MOUNT = '/System/Volumes/Data';
const CONTAINER_BYTES = 494_384_795_648;
const FREE_BYTES = 300_000_000_000;
const PERSONAL_RECOVERY_USER = 'EBC6C064-0000-11AA-AA11-00306543ECAC';

interface ApfsVolume {
  readonly uuid: string;
  readonly bytesInUse: number;
  readonly device: string;
  readonly encrypted: boolean;
  readonly name: string;
  readonly roles: readonly string[];
}

export interface ApfsContainer {
  readonly uuid: string;
  readonly reference: string;
  readonly bytes: number;
  readonly freeBytes: number;
  readonly store: { readonly device: string; readonly uuid: string };
  readonly volumes: readonly ApfsVolume[];
}

/** `diskutil apfs list -plist`. */
export function apfsList(containers: readonly ApfsContainer[]): string {
  return plist(dict({ Containers: containers.map(containerDict) }));
}

function containerDict(container: ApfsContainer): PlistValue {
  return dict({
    APFSContainerUUID: container.uuid,
    CapacityCeiling: integer(container.bytes),
    CapacityFree: integer(container.freeBytes),
    ContainerReference: container.reference,
    DesignatedPhysicalStore: container.store.device,
    Fusion: false,
    PhysicalStores: [
      dict({
        DeviceIdentifier: container.store.device,
        DiskUUID: container.store.uuid,
        Size: integer(container.bytes),
      }),
    ],
    Volumes: container.volumes.map((volume) =>
      dict({
        APFSVolumeUUID: volume.uuid,
        CapacityInUse: integer(volume.bytesInUse),
        CapacityQuota: integer(0),
        CapacityReserve: integer(0),
        CryptoMigrationOn: false,
        DeviceIdentifier: volume.device,
        Encryption: volume.encrypted,
        FileVault: volume.encrypted,
        Locked: false,
        Name: volume.name,
        Roles: volume.roles,
      }),
    ),
  });
}

function container(state: SimState): ApfsContainer {
  const { volumes } = state;
  const other = (name: string, number: number, bytesInUse: number): ApfsVolume => ({
    uuid: seededUuid(state.id, `volume ${name}`),
    bytesInUse,
    device: `disk3s${number}`,
    encrypted: false,
    name,
    roles: [name],
  });
  const own = { encrypted: volumes.fileVault };
  return {
    uuid: seededUuid(state.id, 'container'),
    reference: 'disk3',
    bytes: CONTAINER_BYTES,
    freeBytes: FREE_BYTES,
    store: { device: 'disk0s2', uuid: seededUuid(state.id, 'store') },
    volumes: [
      {
        ...own,
        uuid: volumes.systemUuid,
        bytesInUse: 11_245_707_264,
        device: 'disk3s1',
        name: volumes.systemName,
        roles: ['System'],
      },
      other('Preboot', 2, 7_087_546_368),
      other('Recovery', 3, 1_042_591_744),
      other('Update', 4, 3_305_472),
      {
        ...own,
        uuid: volumes.dataUuid,
        bytesInUse: 75_886_841_856,
        device: 'disk3s5',
        name: volumes.dataVolumeName,
        roles: ['Data'],
      },
      other('VM', 6, 20_480),
      ...otherSystems(state).flatMap(({ name, systemUuid, dataUuid, devices }): ApfsVolume[] => [
        {
          uuid: systemUuid,
          bytesInUse: 11_245_707_264,
          device: devices.system,
          encrypted: false,
          name,
          roles: ['System'],
        },
        {
          uuid: dataUuid,
          bytesInUse: 2_147_483_648,
          device: devices.data,
          encrypted: false,
          name: `${name} - Data`,
          roles: ['Data'],
        },
      ]),
    ],
  };
}

/** Systems beside this one, with the devices of the container that follow its own. */
function otherSystems({ volumes }: SimState) {
  return (volumes.otherSystems ?? []).map((system, index) => ({
    ...system,
    devices: { system: `disk3s${7 + 2 * index}`, data: `disk3s${8 + 2 * index}` },
  }));
}

export interface VolumeInfo {
  readonly group: string;
  readonly device: string;
  readonly fileVault: boolean;
  readonly mountPoint: string;
  readonly sealed: string;
  readonly bytes: number;
  readonly name: string;
  readonly uuid: string;
  /** That of the volume which runs from it. */
  readonly snapshotUuid?: string;
}

/** `diskutil info -plist VOLUME`. Of a snapshot the volume's UUID is the snapshot's, as published outputs show. */
export function volumeInfo(info: VolumeInfo): string {
  const snapshot = info.snapshotUuid === undefined ? {} : { APFSSnapshot: true, APFSSnapshotUUID: info.snapshotUuid };
  return plist(
    dict({
      APFSContainerReference: 'disk3',
      ...snapshot,
      APFSVolumeGroupID: info.group,
      BooterDeviceIdentifier: 'disk3s2',
      BusProtocol: 'Apple Fabric',
      DeviceIdentifier: info.device,
      FileVault: info.fileVault,
      Internal: true,
      MountPoint: info.mountPoint,
      ParentWholeDisk: 'disk3',
      RecoveryDeviceIdentifier: 'disk3s3',
      Sealed: info.sealed,
      Size: integer(info.bytes),
      VolumeName: info.name,
      VolumeUUID: info.snapshotUuid ?? info.uuid,
    }),
  );
}

export function diskNotFound(name: string): string {
  return plist(dict({ Error: true, ErrorMessage: `Could not find disk: ${name}`, ExitCode: integer(1) }));
}

function infoOutputs(state: SimState): readonly Output[] {
  const { volumes } = state;
  const shared = { group: volumes.group, fileVault: volumes.fileVault, bytes: CONTAINER_BYTES };
  const sealed = { ...shared, sealed: 'Yes', name: volumes.systemName, uuid: volumes.systemUuid };
  const system = volumeInfo({ ...sealed, device: 'disk3s1', mountPoint: '' });
  const running = volumeInfo({
    ...sealed,
    device: 'disk3s1s1',
    mountPoint: '/',
    snapshotUuid: seededUuid(state.id, `snapshot ${state.os.build}`),
  });
  const data = volumeInfo({
    ...shared,
    device: 'disk3s5',
    mountPoint: DATA_MOUNT,
    sealed: 'No',
    name: volumes.dataVolumeName,
    uuid: volumes.dataUuid,
  });
  const row = (volume: string, out: string): readonly Output[] =>
    [`info -plist ${volume}`, `info ${volume} -plist`].map((args) => ({
      tool: DISKUTIL,
      args,
      out,
      provenance: 'documented',
      source: 'diskutil/info-root-as.plist, which is trimmed; of a snapshot what published outputs add',
    }));
  return [
    ...row('/', running),
    ...row(volumes.systemUuid, system),
    ...row(DATA_MOUNT, data),
    ...row(volumes.dataUuid, data),
    // Naming the group gives Data, not System.
    ...row(volumes.group, data),
  ];
}

function ownerOutputs(state: SimState): readonly Output[] {
  const users = state.accounts.map((account) => ({
    uuid: account.uuid,
    type: 'LocalOpenDirectory',
    title: 'Local Open Directory User',
    owner: account.volumeOwner,
  }));
  if (state.volumes.fileVault)
    users.push({
      uuid: PERSONAL_RECOVERY_USER,
      type: 'PersonalRecovery',
      title: 'Personal Recovery User',
      owner: true,
    });
  const xml = plist(
    dict({
      Users: users.map((user) =>
        dict({ APFSCryptoUserType: user.type, APFSCryptoUserUUID: user.uuid, VolumeOwner: user.owner }),
      ),
    }),
  );
  const blocks = users.flatMap((user, index) => {
    const bar = index === users.length - 1 ? ' ' : '|';
    return [
      '|',
      `+-- ${user.uuid}`,
      `${bar}   Type: ${user.title}`,
      `${bar}   Volume Owner: ${user.owner ? 'Yes' : 'No'}`,
    ];
  });
  const head =
    users.length === 0
      ? 'No cryptographic users for disk3s1s1'
      : `Cryptographic user${users.length === 1 ? '' : 's'} for disk3s1s1 (${users.length} found)`;
  const row = (args: string, out: string): Output => ({
    tool: DISKUTIL,
    args,
    out,
    provenance: 'documented',
    source: 'key names and layout as public tools read them',
  });
  return ['listUsers', 'listCryptoUsers', 'listusers'].flatMap((verb) => [
    row(`apfs ${verb} -plist /`, xml),
    row(`apfs ${verb} / -plist`, xml),
    row(`apfs ${verb} /`, lines(head, ...blocks)),
  ]);
}

function groupsPlist(state: SimState): string {
  const volume = (device: string, role: string): PlistValue => dict({ DeviceIdentifier: device, Role: role });
  const group = (uuid: string, name: string, devices: { readonly system: string; readonly data: string }) =>
    dict({
      APFSVolumeGroupUUID: uuid,
      Name: name,
      Volumes: [volume(devices.data, 'Data'), volume(devices.system, 'System')],
    });
  const groups = [
    group(state.volumes.group, state.volumes.systemName, { system: 'disk3s1', data: 'disk3s5' }),
    ...otherSystems(state).map((other) => group(other.group, other.name, other.devices)),
  ];
  return plist(dict({ Containers: [dict({ VolumeGroups: groups })] }));
}

export function diskutilOutputs(state: SimState): readonly Output[] {
  return [
    ...infoOutputs(state),
    ...ownerOutputs(state),
    {
      tool: DISKUTIL,
      args: 'apfs list -plist',
      out: apfsList([container(state)]),
      provenance: 'captured',
      source: 'diskutil/apfs-list.plist',
    },
    ...['listVolumeGroups -plist', 'listvolumegroups -plist'].map(
      (form): Output => ({
        tool: DISKUTIL,
        args: `apfs ${form}`,
        out: groupsPlist(state),
        provenance: 'documented',
        source: 'diskutil/listvolumegroups-one.plist (reconstructed)',
      }),
    ),
  ];
}

/** Columns of `df -k`, and of `df -kP` (POSIX), for the system volume and for Data, where every other folder lies. */
export function dfOutputs(): readonly Output[] {
  const wide = 'Filesystem      1024-blocks       Used  Available Capacity iused      ifree %iused  Mounted on';
  const posix = 'Filesystem     1024-blocks       Used  Available Capacity  Mounted on';
  const form = (args: string, ...text: readonly string[]): Output => ({
    tool: DF,
    args,
    out: lines(...text),
    provenance: 'documented',
    source: 'df(1), columns of macOS',
  });
  const inodes = `   404167 ${FREE_BYTES / 1000}    0%`;
  const system = (middle: string): string => dfRow('/dev/disk3s1s1', 11_245_707_264, middle, '/');
  const data = (middle: string): string => dfRow('/dev/disk3s5', 75_886_841_856, middle, '/System/Volumes/Data');
  return [
    form('-k', wide, system(inodes), data(inodes)),
    form('-k /', wide, system(inodes)),
    form(`-k ${DATA_MOUNT}`, wide, data(inodes)),
    form('-kP /', posix, system('')),
    form(`-kP ${DATA_MOUNT}`, posix, data('')),
  ];
}

function dfRow(device: string, usedBytes: number, middle: string, mount: string): string {
  const blocks = (bytes: number): string => String(Math.floor(bytes / 1024)).padStart(10);
  const percent = Math.ceil((100 * usedBytes) / (usedBytes + FREE_BYTES));
  const sizes = `${blocks(CONTAINER_BYTES)} ${blocks(usedBytes)} ${blocks(FREE_BYTES)}`;
  return `${device.padEnd(15)} ${sizes} ${String(percent).padStart(6)}% ${middle} ${mount}`;
}
