/**
 * Makes the folder of a new Postgres. It is there whole or not at all: it is made beside its place and moved there, and whatever was cut
 * off leaves nothing that hinders the next try.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Problem } from '../../common/problem.ts';
import { explain, guarded } from './guarded.ts';

const STDERR_CHARS_MAX = 100_000;

export async function makeCluster(initdb: string, dataDir: string, user: string, signal: AbortSignal): Promise<void> {
  await removeParts(dataDir);
  // Cut in the middle of a program of old: it holds nothing yet, as PG_VERSION is written early but started never.
  await rm(dataDir, { recursive: true, force: true });
  // A name of its own: the initdb of a controller that was killed a moment ago may still be ending.
  const part = `${dataDir}.new-${randomBytes(4).toString('hex')}`;
  try {
    await run([initdb, '-D', part, '-U', user, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'], signal);
    await rename(part, dataDir);
  } catch (error) {
    await removeParts(dataDir);
    if (signal.aborted) throw new Problem('NOT_READY', `Postgres in ${dataDir} was stopped while it was made.`);
    throw new Problem('NOT_READY', `initdb could not make ${dataDir}: ${(error as Error).message}`);
  }
}

async function removeParts(dataDir: string): Promise<void> {
  const folder = dirname(dataDir);
  const parts = (await readdir(folder)).filter((name) => name.startsWith(`${basename(dataDir)}.new`));
  for (const name of parts) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
}

/** Resolves when the command has done its work; stopped with this process, or by the signal. */
function run(command: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = guarded(command);
    let said = '';
    const stop = () => child.stdin?.end();
    signal.addEventListener('abort', stop, { once: true });
    child.stderr?.on('data', (data: Buffer) => {
      if (said.length < STDERR_CHARS_MAX) said += data.toString('utf8');
    });
    child.once('error', reject);
    child.once('close', (code, killed) => {
      signal.removeEventListener('abort', stop);
      child.stdin?.end();
      if (code === 0) resolve();
      else reject(new Error(why(said) || `it ended with ${killed ?? code}`));
    });
  });
}

/** The last lines that a command wrote before it failed. */
function why(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /error|FATAL|PANIC|^unshare:/.test(line));
  return explain(lines.slice(-2).join(' '));
}
