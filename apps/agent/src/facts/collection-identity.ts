/**
 * Hashes and Mach-O identity of a kernel collection, remembered while the file stays the same (path, size, times, inode):
 * facts are read often, and reading 115 MB each time would be felt. Only in memory, so a start reads all anew.
 */
import { lstat } from 'node:fs/promises';
import { digestFile } from '../files.ts';
import { type Fileset, readFileset } from '../macho/fileset.ts';
import type { Reading } from '../macos/reading.ts';

export interface CollectionIdentity {
  readonly sha256: string;
  readonly md5: string;
  readonly fileset: Reading<Fileset>;
}

const REMEMBERED_MAX = 32;
const remembered = new Map<string, CollectionIdentity>();

export async function identify(file: string, signal?: AbortSignal): Promise<CollectionIdentity> {
  const { size, mtimeMs, ctimeMs, ino } = await lstat(file);
  const key = [file, size, mtimeMs, ctimeMs, ino].join('|');
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const { sha256, md5 } = await digestFile(file, signal);
  const identity = { sha256, md5, fileset: await readFileset(file) };
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.set(key, identity);
  return identity;
}
