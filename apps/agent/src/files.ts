/**
 * Files as the agent writes them. Guarantee: a reader sees the old content or the new one, never a part, also after a power
 * cut: temporary file, fsync, rename, fsync of the folder.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const JSON_BYTES_MAX = 4 * 1024 * 1024;

export async function writeFileAtomic(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await replaceFile(path, mode, async (file) => {
    await file.writeFile(content);
  });
}

export async function writeJsonAtomic(path: string, value: unknown, mode = 0o600): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, mode);
}

/** Copies a file so that the target is whole or absent. */
export async function copyFileAtomic(source: string, target: string, mode: number): Promise<void> {
  await replaceFile(target, mode, async (file) => {
    for await (const chunk of createReadStream(source, { highWaterMark: 1024 * 1024 })) await file.writeFile(chunk);
  });
}

async function replaceFile(path: string, mode: number, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporaryName(path);
  await rm(temporary, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(temporary, flags, mode);
  try {
    await fill(file);
    await file.chmod(mode);
    await file.sync();
  } catch (error) {
    // On a full disk the half of it that was written is the first thing to go.
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

type FileHandle = Awaited<ReturnType<typeof open>>;

/** One name per target: a write that was cut leaves one file at most, and the next write removes it. */
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.new`);
}

/** Is this what a write that was cut leaves? */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.new$/s.test(name);
}

/** Makes a rename or removal in this folder last through a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Text of a file; null when it does not exist. A longer file is an error, not a cut text; a pipe would be waited for without end. */
export async function readTextFile(path: string, bytesMax = JSON_BYTES_MAX): Promise<string | null> {
  try {
    const seen = await stat(path);
    if (!seen.isFile()) throw new Error(`${path}: expected a file, seen a folder, a pipe or a device`);
    if (seen.size > bytesMax) throw new Error(`${path} is ${seen.size} bytes long; at most ${bytesMax} are read`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Object in a JSON file; null when the file does not exist. */
export async function readJsonObject(path: string): Promise<Record<string, unknown> | null> {
  const text = await readTextFile(path);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON`);
  }
  if (!isObject(value)) throw new Error(`${path} does not hold a JSON object`);
  return value;
}

/** A file that the agent itself keeps: its path on the Mac, for people, and what helps when it is damaged. */
export interface KeptFile {
  readonly name: string;
  readonly next: string;
}

/** null = nothing is kept yet. A file that holds something else is damaged; one that cannot be read at all is another matter. */
export async function readKeptJson<T extends object>(
  path: string,
  isOf: (value: Record<string, unknown>) => value is Record<string, unknown> & T,
  { name, next }: KeptFile,
): Promise<T | null> {
  const text = await readTextFile(path);
  if (text === null) return null;
  const value = jsonOrNull(text);
  if (isObject(value) && isOf(value)) return value;
  const why = value === null ? 'it is not JSON' : 'it lacks fields, or they have another form';
  throw new Error(`${name} is damaged (${why}): ${next}`);
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Makes a folder of the agent's own with exactly this mode; refuses a link or something else in its place. */
export async function ensureFolder(path: string, mode = 0o700): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  const seen = await lstat(path);
  if (!seen.isDirectory()) throw new Error(`${path}: expected a folder, seen a link or file; remove it`);
  if ((seen.mode & 0o777) !== mode) await chmod(path, mode);
}

export interface FileDigest {
  readonly sha256: string;
  readonly md5: string;
  readonly sizeBytes: number;
}

/** Both digests in one reading; never holds the file in memory. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<FileDigest> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    const bytes = chunk as Buffer;
    sha256.update(bytes);
    md5.update(bytes);
    sizeBytes += bytes.length;
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex'), sizeBytes };
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
