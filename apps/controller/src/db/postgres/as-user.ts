import { accessSync, constants } from 'node:fs';

const UNSHARE = '/usr/bin/unshare';

/**
 * Postgres refuses to run as root. As root on Linux it runs in a user namespace where this very user has another number:
 * nothing has to be created on the machine, and the state folder keeps its owner and its 0700.
 */
export function unprivileged(command: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return command;
  accessSync(UNSHARE, constants.X_OK);
  return [UNSHARE, '--user', '--map-user=1000', '--', ...command];
}
