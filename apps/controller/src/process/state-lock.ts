import { createHash, randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../common/problem.ts';

/** Unix socket paths are limited to about 104 bytes. */
const SOCKET_PATH_BYTES_MAX = 100;
const TRIES = 6;
const PAUSE_MS_MAX = 120;

/**
 * One controller per state folder. The lock is a listening socket of its own name: it answers as long as its process lives,
 * however that ends, so there is no stale lock to remove by hand. Each listens first and looks for others then; of two that start
 * at once, at least one sees the other.
 */
export class StateLock {
  private constructor(private readonly server: Server) {}

  static async take(stateDir: string): Promise<StateLock> {
    makeOwn(stateDir);
    const place = placeOf(stateDir);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const name = `${place.prefix}${randomBytes(4).toString('hex')}`;
      const server = await listen(join(place.folder, name));
      if (!(await othersLive(place, name))) return new StateLock(server.unref());
      await close(server);
      // Two that saw each other both step back; whoever comes back first gets it.
      await sleep(Math.random() * PAUSE_MS_MAX);
    }
    throw new Problem(
      'NOT_READY',
      `Another controller runs on ${stateDir}. One controller owns a state folder: stop it, or give this one another --state-dir.`,
    );
  }

  release(): Promise<void> {
    return close(this.server);
  }
}

/** Everything the controller keeps lies here, keys too: a folder of somebody else's is no place for it. */
function makeOwn(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o700);
    accessSync(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Problem(
      'NOT_READY',
      `The state folder ${stateDir} cannot be used by user ${process.getuid?.()}: ${(error as Error).message}. Expected a folder of its own that it may write. Make it, or change its owner, or give another --state-dir.`,
    );
  }
}

interface Place {
  readonly folder: string;
  readonly prefix: string;
}

function placeOf(stateDir: string): Place {
  const near = { folder: stateDir, prefix: 'lock-' };
  if (Buffer.byteLength(join(stateDir, `${near.prefix}01234567`)) <= SOCKET_PATH_BYTES_MAX) return near;
  const hash = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  return { folder: tmpdir(), prefix: `headroom-lock-${hash}-` };
}

/** Looks at every other lock; those of processes that were killed are removed. */
async function othersLive({ folder, prefix }: Place, own: string): Promise<boolean> {
  const others = readdirSync(folder).filter((name) => name.startsWith(prefix) && name !== own);
  const live = await Promise.all(others.map((name) => answers(join(folder, name))));
  for (const [index, name] of others.entries()) if (live[index] === false) rmSync(join(folder, name), { force: true });
  return live.includes(true);
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.end());
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(path, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
