/** Paths of the simulated Mac. Guarantee: a path given to a program never leads out of the Mac's directory as text. */
import { realpathSync } from 'node:fs';
import { isAbsolute, join, normalize, relative } from 'node:path';
import { Refusal } from './io.ts';

/** Where a path of the Mac lies on this machine; a relative one counts from `/`. */
export function onDisk(root: string, macPath: string): string {
  if (macPath.includes('\0')) throw new Refusal('path holds a NUL byte');
  const inside = normalize(isAbsolute(macPath) ? macPath : `/${macPath}`);
  return join(root, inside);
}

/** The Mac's own name for an existing file, links resolved, as `hdiutil` prints mount points. */
export function asMacPath(root: string, path: string): string {
  return `/${relative(realpathSync(root), realpathSync(path))}`;
}

/** Folders of the Data volume that show up at the root of the system (firmlinks and their like). */
const WRITABLE = ['Applications', 'Library', 'Users', 'Volumes', 'cores', 'opt', 'private', 'tmp', 'var', 'usr/local'];

/** Does the path lie on the sealed system volume, which nobody can write to? */
export function isSealed(macPath: string): boolean {
  const inside = normalize(`/${macPath}`).slice(1);
  if (inside.startsWith('System/Volumes/Data/')) return false;
  return !WRITABLE.some((folder) => inside.startsWith(`${folder}/`));
}
