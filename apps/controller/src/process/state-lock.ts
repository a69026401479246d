import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '../common/problem.ts';

/** Unix socket paths are limited to about 104 bytes. */
const SOCKET_PATH_BYTES_MAX = 100;

/**
 * One controller per state folder. The lock is a listening socket: it goes away with its process, however that ends, so
 * there is no stale lock to remove by hand.
 */
export class StateLock {
  private constructor(private readonly server: Server) {}

  static async take(stateDir: string): Promise<StateLock> {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o700);
    const path = socketPath(stateDir);
    if (await answers(path))
      throw new Problem(
        'NOT_READY',
        `Another controller runs on ${stateDir}. One controller owns a state folder: stop it, or give this one another --state-dir.`,
      );
    rmSync(path, { force: true });
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    server.unref();
    return new StateLock(server);
  }

  release(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

function socketPath(stateDir: string): string {
  const near = join(stateDir, 'lock');
  if (Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX) return near;
  return join(tmpdir(), `headroom-lock-${createHash('sha256').update(stateDir).digest('hex').slice(0, 16)}`);
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
