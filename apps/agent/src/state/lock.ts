/**
 * Lock: one agent works on a Mac at a time. The file names a process by id and start, so that a lock left by a killed agent
 * is taken over, also when its process id went to somebody else meanwhile.
 */
import { execFile } from 'node:child_process';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isMissing } from '../files.ts';
import type { Mac } from '../mac.ts';
import { LOCK_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

const ATTEMPTS = 5;

/** Takes the lock or says who has it. The function given back releases it. */
export async function takeLock(mac: Mac): Promise<() => Promise<void>> {
  await openHome(mac);
  const path = mac.path(LOCK_FILE);
  const mine = await processName(process.pid);
  const own = `${path}.${process.pid}`;
  await writeFile(own, mine ?? `${process.pid} unknown`, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await linked(own, path)) return () => rm(path, { force: true });
      const holder = await readHolder(path);
      if (holder !== null && (await isAlive(holder)))
        throw new Error(`Another agent (process ${holder.split(' ')[0]}) works on ${mac.sysroot}; stop it first.`);
      if (holder !== null) await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
  throw new Error(`The lock ${path} could not be taken: others take and drop it all the time.`);
}

/** A hard link either makes the whole file appear or fails: nobody sees a lock without its content. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(' ')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  return (await processName(pid)) === holder;
}

/** Process id and the moment it started; null when no such process runs. */
async function processName(pid: number): Promise<string | null> {
  if (process.platform === 'linux') return linuxName(pid);
  try {
    const { stdout } = await promisify(execFile)('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C' },
    });
    return `${pid} ${stdout.trim()}`;
  } catch {
    return null;
  }
}

async function linuxName(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' ? null : `${pid} ${bootId} ${fields[19] ?? ''}`;
  } catch {
    return null;
  }
}
