/**
 * Mounted images of one simulated Mac. What is mounted is unpacked at its mount point and removed again, at the latest when
 * the Mac stops.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import { withLock } from '../lock.ts';
import { simPaths } from '../paths.ts';
import { type ContainerFile, placeFile } from './container.ts';
import { asMacPath } from './mac-path.ts';

export interface Mount {
  /** The image, as a path of the Mac. */
  readonly image: string;
  /** Links resolved, as a real Mac prints it: /tmp/x becomes /private/tmp/x. */
  readonly mountPoint: string;
  /** What the mount shows there; only this is removed again. */
  readonly names: readonly string[];
  /** N of /dev/diskN. */
  readonly disk: number;
  /** The mount point was made by the mount and goes with it. */
  readonly madeFolder: boolean;
}

/** Lower numbers belong to the internal disk and its containers. */
const FIRST_DISK = 4;

function mountsPath(root: string): string {
  return join(simPaths(root).sim, 'mounts.json');
}

export function readMounts(root: string): Mount[] {
  const path = mountsPath(root);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Mount[]) : [];
}

function changeMounts<Result>(root: string, change: (mounts: Mount[]) => Result): Result {
  return withLock(`${mountsPath(root)}.lock`, () => change(readMounts(root)));
}

function writeMounts(root: string, mounts: readonly Mount[]): void {
  writeFileAtomic(mountsPath(root), `${JSON.stringify(mounts, null, 2)}\n`);
}

export interface MountRequest {
  readonly image: string;
  /** Mount point on this machine; made when it is missing. */
  readonly folder: string;
  readonly files: readonly ContainerFile[];
}

export function addMount(root: string, { image, folder, files }: MountRequest): Mount {
  return changeMounts(root, (mounts) => {
    const madeFolder = !existsSync(folder);
    mkdirSync(folder, { recursive: true });
    const used = new Set(mounts.map(({ disk }) => disk));
    let disk = FIRST_DISK;
    while (used.has(disk)) disk += 1;
    const mount: Mount = {
      image,
      mountPoint: asMacPath(root, folder),
      names: [...new Set(files.map(({ path }) => path.split('/')[0] ?? path))],
      disk,
      madeFolder,
    };
    // Noted before it shows anything: an attach that is killed leaves a mount that can be detached, never files that nobody owns.
    writeMounts(root, [...mounts, mount]);
    for (const file of files) placeFile(folder, file);
    return mount;
  });
}

/** Unmounts what `match` picks and returns it; the folder is emptied, and removed if the mount had made it. */
export function removeMounts(root: string, match: (mount: Mount) => boolean): Mount[] {
  return changeMounts(root, (mounts) => {
    const gone = mounts.filter(match);
    for (const mount of gone) emptyMountPoint(root, mount);
    writeMounts(
      root,
      mounts.filter((mount) => !gone.includes(mount)),
    );
    return gone;
  });
}

/** Clears all mounts away, for the end of a boot. A Mac without any is left alone. */
export function forgetMounts(root: string): void {
  if (readMounts(root).length === 0) return;
  removeMounts(root, () => true);
}

function emptyMountPoint(root: string, { mountPoint, names, madeFolder }: Mount): void {
  const folder = join(root, mountPoint);
  for (const name of names) rmSync(join(folder, name), { recursive: true, force: true });
  if (madeFolder && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
