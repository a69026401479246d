/** A folder of a Mac on a disk of its own that is full, until somebody frees space. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyFolder } from '../../support/copy-folder.ts';

const KILOBYTE = 1024;
const FILLER = '.fills-the-disk';

export interface FullDisk {
  free(): void;
  /** The folder is gone with it. */
  remove(): void;
}

/** null where mounting is not allowed. */
export function fullDisk(folder: string): FullDisk | null {
  const aside = `${folder}.aside`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const mode = (statSync(folder).mode & 0o777).toString(8);
  copyFolder(folder, aside, { preserveTimestamps: true, verbatimSymlinks: true });
  const kilobytes = Number(run('du', '-sk', aside).stdout.split('\t')[0]) + 128;
  const mounted = run('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=${mode}`, 'tmpfs', folder);
  if (mounted.status === 0) spawnSync('cp', ['-a', `${aside}/.`, folder]);
  rmSync(aside, { recursive: true, force: true });
  if (mounted.status !== 0) return null;
  fill(join(folder, FILLER));
  return {
    free: () => {
      run('mount', '-o', 'remount,size=1g', folder);
      rmSync(join(folder, FILLER), { force: true });
    },
    remove: () => void run('umount', folder),
  };
}

function fill(file: string): void {
  const chunk = Buffer.alloc(4 * KILOBYTE);
  try {
    for (;;) writeFileSync(file, chunk, { flag: 'a' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function run(tool: string, ...args: readonly string[]) {
  return spawnSync(tool, [...args], { encoding: 'utf8' });
}
