/**
 * Lock: one agent works on a Mac at a time. The file names a process by id and start, so that a lock left by a killed agent
 * is taken over, also when its process id went to somebody else meanwhile.
 */
import { createHash } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { namesIn } from '../file-looks.ts';
import { isMissing } from '../files.ts';
import type { Mac } from '../mac.ts';
import { LOCK_FILE } from '../paths.ts';
import { openHome } from './identity.ts';
import { ownMark, type ProcessMark, stillRuns } from './process-mark.ts';

const ATTEMPTS = 20;
const CLAIM_PAUSE_MS = 20;
/** Gives each try of this process a file of its own. */
let tries = 0;

/** Takes the lock or says who has it. The function given back releases it. */
export async function takeLock(mac: Mac): Promise<() => Promise<void>> {
  await openHome(mac);
  const path = mac.path(LOCK_FILE);
  tries += 1;
  const own = `${path}.${process.pid}-${tries}`;
  await writeFile(own, textOf(ownMark()), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await linked(own, path)) {
        await removeLeftTries(path);
        return () => rm(path, { force: true });
      }
      const holder = await readHolder(path);
      if (holder !== null && (await stillRuns(holderOf(holder))))
        throw new Error(
          `Another agent (process ${holder.split(' ')[0]}) works on ${mac.sysroot}; stop it first ` +
            '(the installed one: `sudo launchctl bootout system/com.headroom.agent`).',
        );
      if (holder !== null) await removeStale(path, holder, own);
    }
  } finally {
    await rm(own, { force: true });
  }
  throw new Error(`The lock ${path} could not be taken: others take and drop it all the time.`);
}

/**
 * Takes away the lock of a process that is gone. Only one may: whoever links the claim that bears this lock's own text. It looks once
 * more before it removes, and the dead one's text never comes back, so a fresh lock is never taken for the stale one.
 */
async function removeStale(path: string, stale: string, own: string): Promise<void> {
  const claim = `${path}.claim-${createHash('sha256').update(stale).digest('hex').slice(0, 16)}`;
  if (await linked(own, claim)) {
    if ((await readHolder(path)) === stale) await rm(path, { force: true });
    await rm(claim, { force: true });
    return;
  }
  const claimer = await readHolder(claim);
  if (claimer === null) return;
  if (await stillRuns(holderOf(claimer))) await sleep(CLAIM_PAUSE_MS);
  else await removeStale(claim, claimer, own);
}

/** Files of tries that were killed in between. That of a process which still runs is left to it. */
async function removeLeftTries(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await namesIn(dirname(path))) {
    const pid = name.startsWith(prefix) ? /^([0-9]+)-[0-9]+$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
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
