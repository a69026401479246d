import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiClient, type HostDetail, type HostRow, type Page } from './api-client.ts';
import { choicesFor, type MacChoice } from './choices.ts';
import { type RunningController, startController } from './controller-process.ts';
import { provideKdks } from './kdks.ts';
import { FleetMac } from './mac.ts';
import { type Say, Technicians } from './technician.ts';

export interface FleetOptions {
  /** The project's folder. */
  readonly root: string;
  /** Holds everything; made with mode 0700. */
  readonly stateDir: string;
  readonly choices: readonly MacChoice[];
  readonly controllerArgs?: readonly string[];
  /** Main file of the agent of the Mac with this name; without it, the built one for all. */
  readonly agentMain?: (name: string) => string;
  readonly say?: Say;
}

export interface FleetMember {
  readonly mac: FleetMac;
  readonly hostId: string;
}

/** Label that the quickstart gives its Macs and its policy selects. */
export const FLEET_LABEL = 'quickstart';

/**
 * A controller and simulated Macs on this machine: what `npm start` shows and what the end-to-end tests drive. Everything
 * goes through the doors that admins, technicians and agents use.
 */
export class Fleet {
  /** ms since 1970. */
  readonly startedAt = Date.now();

  private constructor(
    private readonly options: FleetOptions,
    readonly controller: RunningController,
    readonly api: ApiClient,
    readonly members: readonly FleetMember[],
    readonly technicians: Technicians,
  ) {}

  static async start(options: FleetOptions): Promise<Fleet> {
    const { root, stateDir, choices, say = () => {} } = options;
    await mkdir(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
    await chmod(stateDir, 0o700);
    const controller = await startController({
      root,
      stateDir: join(stateDir, 'controller'),
      logFile: join(stateDir, 'logs/controller.log'),
      extraArgs: options.controllerArgs ?? [],
    });
    try {
      const api = new ApiClient(controller.apiUrl, controller.adminToken);
      await provideKdks(api, join(stateDir, 'kdks'), choices);
      const macs = choices.map((choice, index) => macOf(options, choice, index));
      await enrolAll(api, controller, macs, say);
      const members = await identify(api, macs);
      const rack = new Map(members.map(({ hostId, mac }) => [hostId, mac]));
      const fleet = new Fleet(options, controller, api, members, new Technicians(api, rack, say));
      await fleet.writeQuickstartFile();
      await Promise.all(macs.map((mac) => mac.start()));
      return fleet;
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  /** One call gives the quota to every Mac of the label; Macs that joined since get it by a new revision. */
  async wantQuota(quota: number): Promise<void> {
    if ((await this.hosts()).every(({ quotaWanted }) => quotaWanted === quota)) return;
    const exception = {
      purpose: 'Trying Headroom with simulated Macs',
      reason: 'npm start',
      acceptClause: (await this.api.get<{ version: string }>('/api/v1/licence-clause')).version,
      expiresInDays: 90,
      confirmHighQuota: true,
    };
    const wanted = { quota, selector: { labels: [FLEET_LABEL] }, exception, apply: true };
    const { items } = await this.api.get<Page<{ id: string; name: string }>>('/api/v1/policies');
    const existing = items.find(({ name }) => name === FLEET_LABEL);
    if (existing === undefined) await this.api.post('/api/v1/policies', { name: FLEET_LABEL, ...wanted });
    else await this.api.post(`/api/v1/policies/${existing.id}/revisions`, wanted);
  }

  async hosts(): Promise<readonly HostDetail[]> {
    return Promise.all(this.members.map(({ hostId }) => this.host(hostId)));
  }

  host(hostId: string): Promise<HostDetail> {
    return this.api.get<HostDetail>(`/api/v1/hosts/${hostId}`);
  }

  /** Stops agents first, then the controller and its Postgres; leaves nothing running. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ mac }) => mac.stop()));
    await this.controller.stop();
    await rm(join(this.options.stateDir, 'quickstart.json'), { force: true });
  }

  private async writeQuickstartFile(): Promise<void> {
    const { apiUrl, enrolUrl, agentUrl, adminToken } = this.controller;
    const macs = this.members.map(({ hostId, mac }) => ({ id: hostId, sysroot: mac.dir }));
    const file = join(this.options.stateDir, 'quickstart.json');
    await writeFile(file, `${JSON.stringify({ apiUrl, enrolUrl, agentUrl, adminToken, macs }, null, 2)}\n`, {
      mode: 0o600,
    });
  }
}

export function fleetChoices(count: number): readonly MacChoice[] {
  return choicesFor(count);
}

function macOf({ root, stateDir, agentMain }: FleetOptions, choice: MacChoice, index: number): FleetMac {
  const name = `mac-${index + 1}`;
  return new FleetMac({
    agentMain: agentMain?.(name) ?? join(root, 'apps/agent/dist/main.js'),
    dir: join(stateDir, 'macs', name),
    name,
    choice,
    logFile: join(stateDir, `logs/${name}.log`),
  });
}

async function enrolAll(
  api: ApiClient,
  controller: RunningController,
  macs: readonly FleetMac[],
  say: Say,
): Promise<void> {
  const fresh = macs.filter((mac) => !mac.enrolled);
  if (fresh.length === 0) return;
  say(`${fresh.length} Mac(s) enrol`);
  const { token } = await api.post<{ token: string }>('/api/v1/enrol-tokens', {
    labels: [FLEET_LABEL],
    uses: fresh.length,
    expiresInHours: 1,
  });
  for (const mac of fresh) await mac.enrol(controller.enrolUrl, token);
}

async function identify(api: ApiClient, macs: readonly FleetMac[]): Promise<readonly FleetMember[]> {
  const { items } = await api.get<Page<HostRow & { hardwareUuid: string }>>('/api/v1/hosts?limit=200');
  return macs.map((mac) => {
    const host = items.find(({ hardwareUuid }) => hardwareUuid === mac.hardwareUuid);
    if (host === undefined)
      throw new Error(
        `${mac.name} (${mac.hardwareUuid}) is enrolled, but the controller does not know it. Start again with --fresh.`,
      );
    return { mac, hostId: host.id };
  });
}
