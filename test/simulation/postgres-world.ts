/** A fleet on real Postgres with time under control: what people, Macs and time can do to it, one thing at a time. */
import { addMac, EXCEPTION, itemsOf, type TestApi } from '../api/support.ts';
import { type Breakage, ModelAgent } from './postgres-mac.ts';
import { PostgresWatch } from './postgres-watch.ts';

export const HOSTS = 5;
export const MINUTE = 60_000;
const LABEL = 'model';
const FIRST_RING = 3;
/** The ring of a share would follow from ids, and those are new in each run: a replay needs the same rings. */
const strategyFor = (first: readonly string[]) => ({
  rings: [
    { name: 'first', take: { kind: 'hosts', hostIds: first }, successAt: { percent: 50 }, errorAt: { count: 2 } },
    { name: 'rest', take: { kind: 'rest' }, errorAt: { count: 2 } },
  ],
  success: 'prepared',
  concurrency: { total: 2 },
  stuckAfter: { workMinutes: 600, visitMinutes: null },
  lateJoiners: 'last_ring',
});
/** Each round is ten minutes: what needs an admin is tried again each hour, and an exception's end takes an hour and more. */
const ROUNDS_MAX = 60;
const CONTROLS = ['pause', 'resume', 'halt', 'retry', 'confirm'] as const;
export type Control = (typeof CONTROLS)[number];

export class PostgresWorld {
  readonly agents: ModelAgent[] = [];
  readonly watch: PostgresWatch;
  private policyId = '';

  private constructor(private readonly test: TestApi) {
    this.watch = new PostgresWatch(test);
  }

  static async open(test: TestApi): Promise<PostgresWorld> {
    await test.database.pool.query(
      'TRUNCATE host, policy, policy_revision, rollout, rollout_target, plan, job, visit, risk_exception, "grant" CASCADE',
    );
    const world = new PostgresWorld(test);
    while (world.agents.length < HOSTS) {
      // One after the other in the order of ids, in every run.
      test.clock.advance(1);
      const id = await addMac(test, { labels: [LABEL] });
      const { hardwareUuid } = await test.database.prisma.host.findUniqueOrThrow({ where: { id } });
      world.agents.push(new ModelAgent(test, id, hardwareUuid));
    }
    return world;
  }

  async sweep(): Promise<void> {
    await this.test.jobs.sweep();
    await this.test.sweep();
  }

  async wait(ms: number): Promise<void> {
    this.test.clock.advance(ms);
  }

  /** The next thing that this agent does: a lease, or the end of the one that it has. */
  async work(index: number): Promise<void> {
    const agent = this.agent(index);
    if (agent.held !== null) return this.watch.onFinish(await agent.finish(agent.held));
    const leased = await agent.lease();
    if (leased !== null) await this.watch.onLease(agent, leased.job, leased.session);
  }

  async crash(index: number): Promise<void> {
    this.agent(index).crash();
  }

  /** What it did before it crashed is told after all. */
  async late(index: number): Promise<void> {
    const agent = this.agent(index);
    const [lease] = agent.stale.splice(0, 1);
    if (lease !== undefined) this.watch.onFinish(await agent.finish(lease));
  }

  async breakMac(index: number, breaks: Breakage | null): Promise<void> {
    this.agent(index).breaks = breaks;
  }

  async label(index: number, present: boolean): Promise<void> {
    const path = `/api/v1/hosts/${this.agent(index).hostId}/labels/${LABEL}`;
    await this.answered('PUT', 'DELETE', present, path);
  }

  async apply(quota: number, strategy: object | null = this.strategy()): Promise<void> {
    const body = { quota, selector: { labels: [LABEL] }, exception: EXCEPTION, apply: true, strategy };
    const path = this.policyId === '' ? '/api/v1/policies' : `/api/v1/policies/${this.policyId}/revisions`;
    const reply = await this.test.call('POST', path, { body: this.policyId === '' ? { ...body, name: LABEL } : body });
    if (reply.status < 300) this.policyId = String(reply.body['policyId']);
    else expectRefusal(reply, 'SELECTOR_EMPTY');
  }

  async revoke(): Promise<void> {
    const [newest] = itemsOf((await this.test.call('GET', '/api/v1/exceptions?limit=1')).body);
    if (newest === undefined) return;
    const reply = await this.test.call('POST', `/api/v1/exceptions/${String(newest['id'])}/revoke`, { body: {} });
    if (reply.status >= 300) expectRefusal(reply, 'CONFLICT');
  }

  async control(name: Control): Promise<void> {
    for (const { id } of await this.rollouts()) {
      const reply = await this.test.call('POST', `/api/v1/rollouts/${id}/${name}`, { body: {} });
      if (reply.status >= 300) expectRefusal(reply, 'CONFLICT');
    }
  }

  /** Nothing fails any more and everything is said again: every Mac gets to where its policy wants it. */
  async converge(): Promise<void> {
    for (const [index, agent] of this.agents.entries()) {
      agent.breaks = null;
      await this.label(index, true);
    }
    await this.apply(12, null);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await this.sweep();
      if (await this.isDone()) return;
      for (let turn = 0; turn < 8; turn += 1) await this.workOff();
      await this.watch.check();
      await this.wait(10 * MINUTE);
    }
    throw new Error(`not at rest after ${ROUNDS_MAX} rounds: ${JSON.stringify(await this.standing())}`);
  }

  private async workOff(): Promise<void> {
    for (const index of this.agents.keys()) await this.work(index);
  }

  private async isDone(): Promise<boolean> {
    const open = await this.test.database.prisma.job.count({ where: { state: { in: ['queued', 'leased'] } } });
    const standing = await this.standing();
    return open === 0 && standing.every(({ state, quota }) => state === 'ready_for_visit' && quota === 12);
  }

  private async standing() {
    const rows = await this.test.database.prisma.host.findMany({ include: { state: true, intent: true } });
    return rows.map(({ id, state, intent }) => ({
      id,
      state: state?.state,
      quota: intent?.quota,
      waitsFor: state?.waitsFor,
    }));
  }

  private strategy(): object {
    return strategyFor(this.agents.slice(0, FIRST_RING).map(({ hostId }) => hostId));
  }

  private rollouts() {
    return this.test.database.prisma.rollout.findMany({
      where: { state: { in: ['running', 'paused', 'halted', 'waiting_for_confirmation'] } },
      orderBy: { id: 'asc' },
      select: { id: true },
    });
  }

  private async answered(yes: string, no: string, present: boolean, path: string): Promise<void> {
    const reply = await this.test.call(present ? yes : no, path);
    if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }

  private agent(index: number): ModelAgent {
    const agent = this.agents[index % this.agents.length];
    if (agent === undefined) throw new Error('there are no agents');
    return agent;
  }
}

function expectRefusal({ status, body }: { status: number; body: object }, code: string): void {
  if (!JSON.stringify(body).includes(`"${code}"`))
    throw new Error(`expected ${code}: ${status} ${JSON.stringify(body)}`);
}
