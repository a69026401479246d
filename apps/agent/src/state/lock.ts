/**
 * Lock: one agent works on a Mac at a time. The file names a process by id and start, so that a lock left by a killed agent
 * is taken over, also when its process id went to somebody else meanwhile.
 */
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { isMissing } from '../files.ts';
import type { Mac } from '../mac.ts';
import { LOCK_FILE } from '../paths.ts';
import { openHome } from './identity.ts';
import { ownMark, type ProcessMark, stillRuns } from './process-mark.ts';

const ATTEMPTS = 5;

/** Takes the lock or says who has it. The function given back releases it. */
export async function takeLock(mac: Mac): Promise<() => Promise<void>> {
  await openHome(mac);
  const path = mac.path(LOCK_FILE);
  const own = `${path}.${process.pid}`;
  await writeFile(own, textOf(ownMark()), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await linked(own, path)) return () => rm(path, { force: true });
      const holder = await readHolder(path);
      if (holder !== null && (await stillRuns(holderOf(holder))))
        throw new Error(`Another agent (process ${holder.split(' ')[0]}) works on ${mac.sysroot}; stop it first.`);
      if (holder !== null) await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
  throw new Error(`The lock ${path} could not be taken: others take and drop it all the time.`);
}

/** Process id of the agent that works on this Mac now; null when none does. */
export async function readLockHolder(mac: Mac): Promise<number | null> {
  const text = await readHolder(mac.path(LOCK_FILE));
  if (text === null) return null;
  const holder = holderOf(text);
  return (await stillRuns(holder)) ? holder.pid : null;
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

/** `process id, blank, mark of its start`. */
function textOf({ pid, start }: ProcessMark): string {
  return `${pid} ${start}`;
}

function holderOf(text: string): ProcessMark {
  const at = text.indexOf(' ');
  return { pid: Number(text.slice(0, at)), start: text.slice(at + 1) };
}
