import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';
import { unprivileged } from './as-user.ts';
import { embeddedBinaries, type PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);
const log = logger('postgres');

/** Kernels limit the path of a unix socket to about 104 bytes; `/.s.PGSQL.5432` takes 15 of them. */
const SOCKET_DIR_BYTES_MAX = 85;
const PORT = 5432;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const RESTART_PAUSE_MS = 500;

/** How to reach the embedded Postgres: a unix socket in a 0700 folder, no port, no password. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/**
 * Postgres with an owned life cycle: made on first start, stopped with this process however it ends (see postgres-guard.sh),
 * a leftover of a killed guard is stopped first, and an unexpected end is answered by a restart.
 */
export class EmbeddedPostgres {
  readonly address: PostgresAddress;
  private readonly dataDir: string;
  private readonly socketDir: string;
  private child: ChildProcess | null = null;
  private stopping = false;

  constructor(
    stateDir: string,
    private readonly settings: readonly string[] = [],
    /** Another Postgres than the one that npm installed. */
    private readonly binaries: PostgresBinaries | null = null,
  ) {
    this.dataDir = join(stateDir, 'postgres');
    this.address = embeddedAddress(stateDir);
    this.socketDir = this.address.host;
  }

  async start(): Promise<void> {
    await mkdir(this.socketDir, { recursive: true, mode: 0o700 });
    await chmod(this.socketDir, 0o700);
    await this.stopLeftover();
    if (!existsSync(join(this.dataDir, 'PG_VERSION'))) await this.initialise();
    this.spawnServer();
    await this.waitUntilReady();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.stdin?.end();
    await ended;
  }

  /** A half-made folder (cut in the middle) is made again: it holds nothing yet, as PG_VERSION is written early but started never. */
  private async initialise(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true });
    const temporary = `${this.dataDir}.new`;
    await rm(temporary, { recursive: true, force: true });
    const { initdb } = this.binaries ?? embeddedBinaries();
    const args = [
      '-D',
      temporary,
      '-U',
      this.address.user,
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ];
    const [command = '', ...rest] = unprivileged([initdb, ...args]);
    await run(command, rest, { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } });
    await rename(temporary, this.dataDir);
  }

  private spawnServer(): void {
    const { postgres } = this.binaries ?? embeddedBinaries();
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${this.socketDir}`,
      'shared_buffers=64MB',
      'max_connections=60',
      // Disks without a head: reading here and there costs about what reading in order costs.
      'random_page_cost=1.1',
      ...this.settings,
    ];
    const command = unprivileged([postgres, '-D', this.dataDir, ...settings.flatMap((setting) => ['-c', setting])]);
    const guard = fileURLToPath(new URL('../../../postgres-guard.sh', import.meta.url));
    // Its own group: Ctrl-C in a terminal reaches the controller first, which then stops Postgres in order.
    const child = spawn('/bin/sh', [guard, ...command], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      detached: true,
    });
    child.stdin?.on('error', () => {});
    child.stderr?.on('data', (data: Buffer) => this.note(data));
    child.once('exit', (code, signal) => this.onExit(code, signal));
    this.child = child;
  }

  /** Only what an operator must see: Postgres's own log of each checkpoint is noise. */
  private note(data: Buffer): void {
    for (const line of data.toString('utf8').split('\n'))
      if (/FATAL|PANIC/.test(line) && !/starting up|shutting down|terminating connection/.test(line)) log(line);
  }

  private onExit(code: number | null, signal: string | null): void {
    if (this.stopping) return;
    log(`Postgres ended by itself (${signal ?? code}); starting it again`);
    setTimeout(() => {
      if (this.stopping) return;
      this.stopLeftover()
        .catch((error) => log(String(error)))
        .finally(() => !this.stopping && this.spawnServer());
    }, RESTART_PAUSE_MS);
  }

  private async waitUntilReady(): Promise<void> {
    const until = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const client = new pg.Client(this.address);
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        await client.end().catch(() => {});
        if (Date.now() > until)
          throw new Problem(
            'NOT_READY',
            `Postgres in ${this.dataDir} did not answer within ${START_TIMEOUT_MS / 1000} s: ${String(error)}`,
          );
        await pause(30);
      }
    }
  }

  /** Stops a Postgres that still runs on our folder because its guard was killed too. */
  private async stopLeftover(): Promise<void> {
    const pid = await this.leftoverPid();
    if (pid === null) return;
    log(`an earlier Postgres (pid ${pid}) still runs on ${this.dataDir}; stopping it`);
    const until = Date.now() + STOP_TIMEOUT_MS;
    signalQuietly(pid, 'SIGINT');
    while (isAlive(pid)) {
      if (Date.now() > until) signalQuietly(pid, 'SIGQUIT');
      if (Date.now() > until + STOP_TIMEOUT_MS)
        throw new Problem(
          'NOT_READY',
          `Postgres (pid ${pid}) on ${this.dataDir} does not stop. End it and start again.`,
        );
      await pause(50);
    }
  }

  private async leftoverPid(): Promise<number | null> {
    const text = await readFile(join(this.dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
    const [first = '', folder = ''] = text.split('\n');
    const pid = Number(first);
    if (!Number.isInteger(pid) || pid <= 1 || folder !== this.dataDir || !isAlive(pid)) return null;
    return (await isPostgres(pid)) ? pid : null;
  }
}

/** Where the Postgres of a state folder answers while it runs, whoever started it. */
export function embeddedAddress(stateDir: string): PostgresAddress {
  return { host: socketDirFor(stateDir), port: PORT, user: 'headroom', database: 'postgres' };
}

function socketDirFor(stateDir: string): string {
  const near = join(stateDir, 'run');
  if (Buffer.byteLength(near) <= SOCKET_DIR_BYTES_MAX) return near;
  return join(tmpdir(), `headroom-${createHash('sha256').update(stateDir).digest('hex').slice(0, 16)}`);
}

/** Pids are used again: only a process whose command names postgres is ours to stop. */
async function isPostgres(pid: number): Promise<boolean> {
  const { stdout } = await run('/bin/ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.includes('postgres');
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
