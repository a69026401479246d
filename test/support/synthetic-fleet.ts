/** Many synthetic Macs of one label, and the people who go to those that wait for a visit. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetApi } from './fleet-of-agents.ts';
import { SyntheticAgent } from './synthetic-agent.ts';

/** Enrolments, and visits, at the same time. */
const AT_ONCE = 8;
const PAGE = 200;

interface Visit {
  readonly id: string;
  readonly hostId: string;
  readonly kind: string;
}

export class SyntheticFleet {
  private readonly byHost: ReadonlyMap<string, SyntheticAgent>;
  /** Visits that may be open though nobody has gone yet: the answer was lost. */
  private readonly unsure = new Map<string, Visit>();
  private walking: Promise<void> | null = null;
  private walks = false;

  private constructor(readonly agents: readonly SyntheticAgent[]) {
    this.byHost = new Map(agents.map((agent) => [agent.hostId, agent]));
  }

  static async enrol(api: FleetApi, enrolUrl: string, count: number, label: string): Promise<SyntheticFleet> {
    const order = { uses: count, labels: [label], expiresInHours: 1 };
    const { token } = await api.call<{ token: string }>('POST', '/api/v1/enrol-tokens', order);
    const agents: SyntheticAgent[] = [];
    await atOnce(Array.from({ length: count }), async () => {
      agents.push(await SyntheticAgent.enrol(enrolUrl, token));
    });
    return new SyntheticFleet(agents);
  }

  start(): void {
    for (const agent of this.agents) agent.start();
  }

  async stop(): Promise<void> {
    this.walks = false;
    await this.walking;
    await Promise.all(this.agents.map((agent) => agent.stop()));
  }

  /** From now on people look every `everyMs` which visits wait, and do them. */
  sendPeople(api: FleetApi, everyMs: number): void {
    this.walks = true;
    this.walking = (async () => {
      while (this.walks) {
        // The controller may be away: they look again.
        await this.walk(api).catch(() => {});
        await sleep(everyMs);
      }
    })();
  }

  private async walk(api: FleetApi): Promise<void> {
    const { items } = await api.call<{ items: readonly Visit[] }>('GET', `/api/v1/visits?state=due&limit=${PAGE}`);
    for (const visit of items) this.unsure.set(visit.id, visit);
    await atOnce([...this.unsure.values()], async ({ id, hostId, kind }) => {
      const opened = await api.call('POST', `/api/v1/visits/${id}/open`).catch(refusal);
      if (opened === 'ended') this.unsure.delete(id);
      if (opened === 'ended' || kind !== 'raise') return;
      this.byHost.get(hostId)?.visit();
      this.unsure.delete(id);
    });
  }
}

/** A visit that ended meanwhile needs nobody; every other trouble ends this walk. */
function refusal(error: Error): 'ended' {
  if (/\b409\b/.test(error.message)) return 'ended';
  throw error;
}

async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    while (left.length > 0) await work(left.shift() as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
