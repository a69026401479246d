/** Programs of Postgres that end with this process, however it ends (see postgres-guard.sh). */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unprivileged } from './as-user.ts';

const GUARD = fileURLToPath(new URL('../../../postgres-guard.sh', import.meta.url));

/** Closing its standard input stops it in order. */
export function guarded(command: readonly string[]): ChildProcess {
  // Its own group: Ctrl-C in a terminal reaches the controller first, which then stops Postgres in order.
  const child = spawn('/bin/sh', [GUARD, ...unprivileged(command)], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    detached: true,
  });
  child.stdin?.on('error', () => {});
  return child;
}

/** The one refusal that comes before Postgres: see as-user.ts. */
export function explain(line: string): string {
  if (!line.includes('unshare:')) return line;
  return `${line}. Postgres does not run as root, and this machine allows no user namespace to hide it in. Run the controller as another user, or give DATABASE_URL.`;
}
