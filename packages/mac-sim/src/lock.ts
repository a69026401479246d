/**
 * A lock file between processes of one machine. Guarantee: at most one holder; a holder that died, or held it longer than
 * any change of state takes, loses it.
 */
import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';

const WAIT_MS_MAX = 20_000;
const HELD_MS_MAX = 30_000;
const POLL_MS = 5;

export function withLock<T>(path: string, action: () => T): T {
  const giveUpAt = Date.now() + WAIT_MS_MAX;
  while (!take(path)) {
    if (isAbandoned(path)) breakLock(path);
    else if (Date.now() > giveUpAt) throw new Error(`${path}: locked by another process for ${WAIT_MS_MAX} ms`);
    else pause(POLL_MS);
  }
  try {
    return action();
  } finally {
    unlinkIfThere(path);
  }
}

function take(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  writeSync(file, String(process.pid));
  closeSync(file);
  return true;
}

function isAbandoned(path: string): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > HELD_MS_MAX) return true;
    const pid = Number(readFileSync(path, 'utf8'));
    // An empty file belongs to a holder that is just writing its number.
    return Number.isInteger(pid) && pid > 0 && !isAlive(pid);
  } catch {
    return false;
  }
}

/** Only one process may remove an abandoned lock, else a second one could remove its successor's. */
function breakLock(path: string): void {
  const guard = `${path}.break`;
  if (!take(guard)) {
    if (isAbandoned(guard)) unlinkIfThere(guard);
    pause(POLL_MS);
    return;
  }
  try {
    if (isAbandoned(path)) unlinkIfThere(path);
  } finally {
    unlinkIfThere(guard);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
