/** Volumes as recoveryOS mounts them: the System volume and the Data volume, each under its own name. */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { simPaths } from '../paths.ts';
import type { SimState } from '../state.ts';

export interface MountedVolume {
  readonly role: 'System' | 'Data';
  readonly uuid: string;
  readonly name: string;
  readonly device: string;
  readonly mountPoint: string;
}

/** Is it mounted in the present stay in recoveryOS? */
export function isMounted({ mountPoint }: MountedVolume): boolean {
  return existsSync(mountPoint);
}

/** The Data volume is a folder of this machine, so a link to it is its mount. */
export function mountData(dir: string, { mountPoint }: MountedVolume): void {
  symlinkSync(dir, mountPoint);
}

export interface MountedVolumes {
  readonly system: MountedVolume;
  readonly data: MountedVolume;
}

export function mountedVolumes(dir: string, { volumes }: SimState): MountedVolumes {
  const at = (name: string): string => join(simPaths(dir).recovery, 'Volumes', name);
  return {
    system: {
      role: 'System',
      uuid: volumes.systemUuid,
      name: volumes.systemName,
      device: 'disk3s1',
      mountPoint: at(volumes.systemName),
    },
    data: {
      role: 'Data',
      uuid: volumes.dataUuid,
      name: volumes.dataVolumeName,
      device: 'disk3s5',
      mountPoint: at(volumes.dataVolumeName),
    },
  };
}

/** By UUID, name, device or mount point. The group's UUID finds Data, as on a Mac. */
export function findVolume(dir: string, state: SimState, wanted: string): MountedVolume | null {
  const { system, data } = mountedVolumes(dir, state);
  if (wanted.toUpperCase() === state.volumes.group) return data;
  const path = wanted.length > 1 ? wanted.replace(/\/+$/, '') : wanted;
  const names = (volume: MountedVolume): string[] => [
    volume.name,
    volume.device,
    `/dev/${volume.device}`,
    volume.mountPoint,
  ];
  return [system, data].find((volume) => volume.uuid === wanted.toUpperCase() || names(volume).includes(path)) ?? null;
}
