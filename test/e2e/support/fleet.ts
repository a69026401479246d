/** A fleet in a folder of its own for one test file, driven only through the doors of admins, technicians and agents. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fleet, type FleetMember, type FleetOptions, type HostDetail, type MacChoice } from '@headroom/quickstart';
import pg from 'pg';
import { until } from './until.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
export const QUOTA = 255;
export const CHOICES = {
  sonoma: { variant: 'T6020', os: '14.5', build: '23F79' },
  sequoia: { variant: 'T8122', os: '15.1', build: '24B82' },
} as const satisfies Record<string, MacChoice>;

/** Agents report what changed within two seconds; everything else is as `npm start` has it. */
const SHORT_WAITS = ['--check-in-ms', '400', '--sweep-ms', '500'];
const RAISE_MS = 150_000;

/** Short, because unix sockets lie in it. */
export function newStateDir(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'hr-')));
}

export class TestFleet {
  private constructor(
    readonly stateDir: string,
    readonly fleet: Fleet,
  ) {}

  static async start(choices: readonly MacChoice[], controllerArgs = SHORT_WAITS): Promise<TestFleet> {
    const stateDir = newStateDir();
    try {
      return await TestFleet.resume(stateDir, choices, controllerArgs);
    } catch (error) {
      rmSync(stateDir, { recursive: true, force: true });
      throw error;
    }
  }

  static async resume(
    stateDir: string,
    choices: readonly MacChoice[],
    controllerArgs = SHORT_WAITS,
    agents: Pick<FleetOptions, 'agentMain'> = {},
  ) {
    return new TestFleet(stateDir, await Fleet.start({ root: ROOT, stateDir, choices, controllerArgs, ...agents }));
  }

  member(index: number): FleetMember {
    const member = this.fleet.members[index];
    if (member === undefined) throw new Error(`the fleet has no Mac number ${index + 1}`);
    return member;
  }

  host(member: FleetMember): Promise<HostView> {
    return this.fleet.api.get<HostView>(`/api/v1/hosts/${member.hostId}`);
  }

  /** Waits until the API says of this Mac what `wanted` asks for. */
  hostUntil(member: FleetMember, what: string, wanted: (host: HostView) => boolean, ms = 60_000): Promise<HostView> {
    return until(
      `${member.mac.name}: ${what}`,
      async () => {
        const host = await this.host(member);
        return { met: wanted(host), value: host, seen: summary(host) };
      },
      ms,
    );
  }

  /** Technicians make every visit that waits until all these Macs are raised. */
  async raise(members: readonly FleetMember[] = this.fleet.members): Promise<void> {
    await until(
      'every Mac is raised',
      async () => {
        await this.fleet.technicians.round();
        const hosts = await Promise.all(members.map((member) => this.host(member)));
        return {
          met: hosts.every(({ state }) => state === 'raised'),
          value: null,
          seen: hosts.map(summary).join('\n'),
        };
      },
      RAISE_MS,
    );
  }

  /** What somebody with the database in his hands can do. */
  async sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({
      host: join(this.stateDir, 'controller/run'),
      user: 'headroom',
      database: 'postgres',
    });
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

/** The API's answer about one host, as far as tests read it. */
export interface HostView extends HostDetail {
  readonly evaluatedAt: string | null;
  readonly proof: string | null;
  readonly factsAt: string | null;
  readonly facts: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null;
  readonly intent: { readonly number: number; readonly quota: number; readonly grantId: string | null };
  readonly plan: PlanView | null;
  readonly visit: { readonly id: string; readonly kind: string; readonly state: string } | null;
  readonly timeline: readonly TimelineRow[];
  readonly findings: readonly FindingView[];
}

export interface FindingView {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly detail: string;
  readonly expected: string | null;
  readonly seen: string | null;
  readonly nextStep: string;
  readonly since: string;
  readonly evidence: { readonly path: string; readonly value: unknown; readonly at: string | null } | null;
}

export interface PlanView {
  readonly id: string;
  readonly generation: number;
  readonly state: string;
  readonly steps: readonly { readonly kind: string; readonly job: { readonly state: string } | null }[];
}

export interface TimelineRow {
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** States that the host went through after a moment of its timeline, oldest first. */
export function statesSince({ timeline }: HostView, eventId: string): readonly string[] {
  return timeline
    .filter(({ id, kind }) => kind === 'state' && id > eventId)
    .map(({ detail }) => String(detail['to']))
    .reverse();
}

export function newestEvent({ timeline }: HostView): string {
  return timeline[0]?.id ?? '';
}

export function summary({ name, state, presence, waitsFor, findings, evidence }: HostView): string {
  const lacks = evidence.filter(({ holds }) => holds !== true).map(({ id, holds }) => `${id} ${holds}`);
  return `${name}: ${state}, ${presence}, waits for ${waitsFor}; ${findings.map(({ code }) => code).join(' ')}; lacks ${lacks.join(', ')}`;
}
