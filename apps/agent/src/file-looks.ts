/** Looks at files and folders: one that is not there is an answer, any other failure is thrown. A link is never followed. */
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { isMissing } from './files.ts';

/** Sorted, so that what is found first does not hang on the disk. None = the folder is empty or not there. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return (await orNull(readdir(folder)))?.sort() ?? [];
}

export async function isThere(path: string): Promise<boolean> {
  return (await lookAt(path)) !== null;
}

export async function isPlainFile(path: string): Promise<boolean> {
  return (await lookAt(path))?.isFile() === true;
}

export async function isFolder(path: string): Promise<boolean> {
  return (await lookAt(path))?.isDirectory() === true;
}

/** 0 = empty, not there, or no plain file. */
export async function plainFileBytes(path: string): Promise<number> {
  const seen = await lookAt(path);
  return seen?.isFile() === true ? seen.size : 0;
}

/** null = not there. */
export function lookAt(path: string): Promise<Stats | null> {
  return orNull(lstat(path));
}

async function orNull<T>(look: Promise<T>): Promise<T | null> {
  try {
    return await look;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
