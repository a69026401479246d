import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';

const run = promisify(execFile);
const log = logger('postgres');
const STOP_TIMEOUT_MS = 15_000;
/** Written by Postgres beside its socket, with its pid. */
const SOCKET_LOCK = '.s.PGSQL.5432.lock';

/**
 * Makes a Postgres folder free before a start: stops a Postgres that still runs on it because its guard was killed too, and
 * removes lock files whose pid now belongs to something else. After a reboot, or in a new container, that is common, and Postgres
 * itself would refuse to start. A process that cannot be looked at is left alone, and so is its lock file.
 * The caller owns the state folder, so nobody else starts a Postgres on it meanwhile.
 */
export async function clearLeftover(dataDir: string, socketDir: string): Promise<void> {
  for (const file of [join(dataDir, 'postmaster.pid'), join(socketDir, SOCKET_LOCK)])
    if (await isStale(file, dataDir)) await rm(file, { force: true });
}

async function isStale(file: string, dataDir: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return false;
  const [first = '', folder = ''] = text.split('\n');
  const pid = Number(first);
  // A crash on a full disk leaves the file empty; Postgres would not start beside it.
  if (!Number.isInteger(pid) || pid < 1 || !isAlive(pid)) return true;
  const command = await commandOf(pid);
  // Written under another path: what runs may be ours, started before the folder was moved. Postgres itself refuses then.
  if (command === null || (isPostgres(command) && folder !== dataDir)) return false;
  if (runsOn(command, dataDir)) await stop(pid, dataDir);
  else log(`${file} names pid ${pid}, which is another program now; removed`);
  return true;
}

/** Program and arguments; null when they cannot be told. */
async function commandOf(pid: number): Promise<readonly string[] | null> {
  const linux = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (linux !== '') return linux.split('\0');
  const shown = await run('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const line = shown.stdout.trim();
  return line === '' ? null : line.split(' ');
}

function isPostgres([program = '']: readonly string[]): boolean {
  return /(^|\/)(postgres|postmaster)(:|$)/.test(program);
}

/** Pids are used again: only the server of this very folder is ours to stop. */
function runsOn(command: readonly string[], dataDir: string): boolean {
  return isPostgres(command) && command.join(' ').includes(` -D ${dataDir} `);
}

async function stop(pid: number, dataDir: string): Promise<void> {
  log(`an earlier Postgres (pid ${pid}) still runs on ${dataDir}; stopping it`);
  const until = Date.now() + STOP_TIMEOUT_MS;
  signalQuietly(pid, 'SIGINT');
  while (isAlive(pid)) {
    if (Date.now() > until) signalQuietly(pid, 'SIGQUIT');
    if (Date.now() > until + STOP_TIMEOUT_MS)
      throw new Problem('NOT_READY', `Postgres (pid ${pid}) on ${dataDir} does not stop. End it and start again.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
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

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended, which is what was wanted.
  }
}
