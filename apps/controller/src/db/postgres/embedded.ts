import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';
import { embeddedBinaries, type PostgresBinaries } from './binaries.ts';
import { explain, guarded } from './guarded.ts';
import { clearLeftover } from './leftover.ts';
import { makeCluster } from './make-cluster.ts';

const log = logger('postgres');

/** Kernels limit the path of a unix socket to about 104 bytes; `/.s.PGSQL.5432` takes 15 of them. */
const SOCKET_DIR_BYTES_MAX = 85;
const PORT = 5432;
const START_TIMEOUT_MS = 30_000;
const RESTART_PAUSE_MS = 500;
/** One that ends this often before it ever answered has a reason that waiting does not cure. */
const START_ENDS_MAX = 5;

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
  private starting: Promise<void> | null = null;
  private stopping = false;
  /** Aborted when nobody waits for a folder that is being made. */
  private readonly making = new AbortController();
  /** Until the first answer: how often it ended, and the last thing it said. */
  private startEnds = 0;
  private lastWords = '';

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

  /** Whoever calls it again waits for the same start. */
  start(): Promise<void> {
    this.starting ??= this.startServer();
    return this.starting;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.making.abort();
    await this.starting?.catch(() => {});
    await this.stopServer();
  }

  private async startServer(): Promise<void> {
    await mkdir(this.socketDir, { recursive: true, mode: 0o700 });
    await chmod(this.socketDir, 0o700);
    await clearLeftover(this.dataDir, this.socketDir);
    if (!this.stopping && !existsSync(join(this.dataDir, 'PG_VERSION'))) {
      const { initdb } = this.binaries ?? embeddedBinaries();
      await makeCluster(initdb, this.dataDir, this.address.user, this.making.signal);
    }
    if (!this.stopping) this.spawnServer();
    try {
      await this.waitUntilReady();
    } catch (error) {
      this.stopping = true;
      await this.stopServer();
      throw error;
    }
  }

  private async stopServer(): Promise<void> {
    const child = this.child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.stdin?.end();
    await ended;
  }

  private spawnServer(): void {
    const { postgres } = this.binaries ?? embeddedBinaries();
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${this.socketDir}`,
      // What calls of 100,000 Macs touch, with its indexes: with 64 MB a lease and its finish read six
      // pages and threw six others out (docs/benchmarks.md). Taken as it fills, so a small fleet does not pay for it.
      'shared_buffers=256MB',
      'max_connections=60',
      // Disks without a head: reading here and there costs about what reading in order costs.
      'random_page_cost=1.1',
      ...this.settings,
    ];
    const child = guarded([postgres, '-D', this.dataDir, ...settings.flatMap((setting) => ['-c', setting])]);
    child.stderr?.on('data', (data: Buffer) => this.note(data));
    child.once('exit', (code, signal) => this.onExit(code, signal));
    this.child = child;
  }

  /** Only what an operator must see: Postgres's own log of each checkpoint is noise. */
  private note(data: Buffer): void {
    const lines = data.toString('utf8').split('\n');
    for (const line of lines.filter((one) => one.trim() !== '')) {
      if (/starting up|shutting down|not yet accepting|terminating connection/.test(line)) continue;
      const counts = /FATAL|PANIC|No space left|^unshare:/.test(line);
      if (counts) log(line);
      if (counts || this.lastWords === '') this.lastWords = explain(line);
    }
  }

  private onExit(code: number | null, signal: string | null): void {
    if (this.stopping) return;
    this.startEnds += 1;
    log(`Postgres ended by itself (${signal ?? code}); starting it again`);
    setTimeout(() => {
      if (this.stopping) return;
      clearLeftover(this.dataDir, this.socketDir)
        .catch((error) => log(String(error)))
        .finally(() => !this.stopping && this.spawnServer());
    }, RESTART_PAUSE_MS);
  }

  private async waitUntilReady(): Promise<void> {
    const until = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      if (this.stopping) throw new Problem('NOT_READY', `Postgres in ${this.dataDir} was stopped while it started.`);
      const client = new pg.Client(this.address);
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        await client.end().catch(() => {});
        const said = this.lastWords === '' ? String(error) : this.lastWords;
        if (this.startEnds >= START_ENDS_MAX)
          throw new Problem('NOT_READY', `Postgres in ${this.dataDir} does not start: ${said}`);
        if (Date.now() > until)
          throw new Problem(
            'NOT_READY',
            `Postgres in ${this.dataDir} did not answer within ${START_TIMEOUT_MS / 1000} s: ${said}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
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
