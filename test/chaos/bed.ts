/**
 * The whole product on this machine: a controller with its Postgres, and agents on simulated Macs, each of which can be killed and
 * started again by itself. Everything goes through the doors that admins, technicians and agents use.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bootMac, loadState, writeKdkImage } from '@headroom/mac-sim';
import { ApiClient, fleetChoices, type Page } from '@headroom/quickstart';
import pg from 'pg';
import { type RunningController, startController } from '../../packages/quickstart/src/controller-process.ts';
import { FleetMac } from '../../packages/quickstart/src/mac.ts';
import { newStateDir } from '../e2e/support/fleet.ts';
import { kill, processesOf } from '../e2e/support/start-process.ts';
import { pause } from '../e2e/support/until.ts';
import { filesOf } from './listing.ts';

export const LABEL = 'chaos';
/** Slow enough that faults hit tools in their middle. */
const PACE = { kmutilCreateMs: 1_200, installerMs: 1_200 };
/** Agents report what changed within half a second. */
const SHORT_WAITS = ['--check-in-ms', '400', '--sweep-ms', '500', '--lease-ttl-ms', '4000'];
const START_TRIES = 5;

export interface ChaosMac {
  readonly mac: FleetMac;
  readonly hostId: string;
  /** What lay on it before Headroom came. */
  readonly before: ReadonlySet<string>;
}

export class Bed {
  readonly stateDir = newStateDir();
  macs: readonly ChaosMac[] = [];
  private running: RunningController | null = null;

  constructor(
    private readonly root: string,
    readonly say: (text: string) => void,
  ) {}

  get api(): ApiClient {
    if (this.running === null) throw new Error('the controller does not run');
    return new ApiClient(this.running.apiUrl, this.running.adminToken);
  }

  async make(count: number): Promise<this> {
    mkdirSync(join(this.stateDir, 'logs'), { recursive: true });
    const before = new Map<FleetMac, ReadonlySet<string>>();
    for (const [index, choice] of fleetChoices(count).entries()) {
      const name = `mac-${index + 1}`;
      const dir = join(this.stateDir, 'macs', name);
      const agentMain = join(this.root, 'apps/agent/dist/main.js');
      const mac = new FleetMac({ agentMain, dir, name, choice, logFile: this.log(name) });
      bootMac(dir);
      before.set(mac, new Set(filesOf(dir)));
      writeFileSync(join(dir, '.mac-sim/pace.json'), JSON.stringify(PACE));
    }
    await this.startController();
    for (const { os, build } of fleetChoices(count)) await this.provideKdk(os, build);
    for (const mac of before.keys()) await this.enrol(mac);
    const { items } = await this.api.get<Page<{ id: string; hardwareUuid: string }>>('/api/v1/hosts?limit=200');
    this.macs = [...before].map(([mac, files]) => {
      const hostId = items.find(({ hardwareUuid }) => hardwareUuid === mac.hardwareUuid)?.id ?? '';
      return { mac, hostId, before: files };
    });
    await Promise.all(this.macs.map(({ mac }) => mac.start()));
    return this;
  }

  /** As an admin would with a downloaded image; one that is there is brought again. */
  async provideKdk(os: string, build: string): Promise<void> {
    const { path, sha256 } = writeKdkImage(join(this.stateDir, 'kdks'), { os, build });
    const name = `Kernel_Debug_Kit_${os}_build_${build}.dmg`;
    const bytes = readFileSync(path);
    await this.api.put(`/api/v1/kdks?fileName=${encodeURIComponent(name)}`, bytes, { 'x-checksum-sha256': sha256 });
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      throw new Error(`${name} is not what was announced`);
  }

  async enrol(mac: FleetMac): Promise<void> {
    const enrolToken = { labels: [LABEL], uses: 1, expiresInHours: 1 };
    const { token } = await this.api.post<{ token: string }>('/api/v1/enrol-tokens', enrolToken);
    await mac.enrol(this.running?.enrolUrl ?? '', token);
  }

  /** What an init system does: again until it comes up; a Postgres that was killed with it may still be ending. */
  async startController(): Promise<void> {
    const stateDir = join(this.stateDir, 'controller');
    const options = { root: this.root, stateDir, logFile: this.log('controller'), extraArgs: SHORT_WAITS };
    for (let tries = 1; ; tries += 1) {
      try {
        this.running = await startController(options);
        return;
      } catch (error) {
        if (tries === START_TRIES) throw error;
        await pause(1_000);
      }
    }
  }

  async stopController(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { running } = this;
    this.running = null;
    if (running === null) return;
    if (signal === 'SIGTERM') return running.stop();
    running.child.kill('SIGKILL');
    await running.ended;
  }

  /** What an admin runs on a Mac. */
  async onMac(mac: FleetMac, ...args: readonly string[]): Promise<string> {
    const [command = '', ...rest] = args;
    const main = join(this.root, 'apps/agent/dist/main.js');
    const call = [main, command, '--sysroot', mac.dir, ...rest];
    const ran = promisify(execFile)(process.execPath, call).catch((error: { stdout?: string }) => error);
    return (await ran).stdout ?? '';
  }

  processesOn(mac: FleetMac, pattern: RegExp): readonly number[] {
    return processesOf(mac.dir)
      .filter(({ command }) => pattern.test(command))
      .map(({ pid }) => pid);
  }

  async sql<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    const client = new pg.Client({
      host: join(this.stateDir, 'controller/run'),
      user: 'headroom',
      database: 'postgres',
    });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends what is left, and gives back what should not have been. */
  async end(keep: boolean): Promise<readonly string[]> {
    await Promise.all(this.macs.map(({ mac }) => mac.stop()));
    await this.stopController('SIGTERM');
    const until = Date.now() + 10_000;
    while (processesOf(this.stateDir).length > 0 && Date.now() < until) await pause(100);
    const left = processesOf(this.stateDir);
    for (const { pid } of left) kill(pid);
    if (!keep) rmSync(this.stateDir, { recursive: true, force: true });
    return left.map(({ command }) => `still runs: ${command}`);
  }

  tail(name: string): string {
    return readFileSync(this.log(name), 'utf8').split('\n').slice(-25).join('\n');
  }

  private log(name: string): string {
    return join(this.stateDir, 'logs', `${name}.log`);
  }
}

export function powerOf({ mac }: ChaosMac): string {
  return loadState(mac.dir).power;
}
