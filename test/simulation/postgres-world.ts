/** A fleet on real Postgres with time under control: what people, Macs and time can do to it, one thing at a time. */
import { addMac, EXCEPTION, itemsOf, type TestApi } from '../api/support.ts';
import { type Breakage, ModelAgent } from './postgres-mac.ts';
import { type StrategyName, strategyOf } from './postgres-strategies.ts';
import { PostgresWatch } from './postgres-watch.ts';

export const HOSTS = 5;
export const MINUTE = 60_000;
const LABEL = 'model';
const FIRST_RING = 3;
const SITES = ['Basel', 'Bern'] as const;
const HOUR = 60 * MINUTE;
/** Of ten minutes, or an hour where nobody has work: what needs an admin is tried again each hour, and a window opens once a day. */
const ROUNDS_MAX = 60;
const TURNS_MAX = 8;
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
      'TRUNCATE host, policy, policy_revision, rollout, rollout_target, plan, job, visit, risk_exception, "grant", watched_flip CASCADE',
    );
    const world = new PostgresWorld(test);
    while (world.agents.length < HOSTS) {
      // One after the other in the order of ids, in every run.
      test.clock.advance(1);
      const id = await addMac(test, { labels: [LABEL] });
      const { hardwareUuid, siteId } = await test.database.prisma.host.findUniqueOrThrow({ where: { id } });
      const place = { location: SITES[world.agents.length % SITES.length] ?? null, updatedBy: 'test' };
      await test.database.prisma.hostPlace.create({
        data: { hostId: id, siteId, ...place, updatedAt: test.clock.now() },
      });
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

  /** The next thing that this agent does: a lease, or the end of the one that it has. false = it had nothing to do. */
  async work(index: number): Promise<boolean> {
    const agent = this.agent(index);
    if (agent.held !== null) {
      this.watch.onFinish(await agent.finish(agent.held));
      return true;
    }
    const leased = await agent.lease();
    if (leased !== null) await this.watch.onLease(agent, leased.job, leased.session);
    return leased !== null;
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

  async apply(quota: number, name: StrategyName = 'plain'): Promise<void> {
    const first = this.agents.slice(0, FIRST_RING).map(({ hostId }) => hostId);
    const strategy = strategyOf(name, first);
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
      if (name === 'resume' || name === 'confirm') this.watch.rollouts.onGo(id);
      const isDone = await this.ask(id, name, 'CONFLICT');
      // What was opened before it was stopped.
      await this.watch.check();
      if (isDone && (name === 'pause' || name === 'halt')) this.watch.rollouts.onStop(id);
    }
  }

  async openGate(ring: number): Promise<void> {
    for (const { id } of await this.rollouts()) {
      this.watch.rollouts.onGate(id, ring);
      await this.ask(id, `rings/${ring}/open`, 'CONFLICT');
    }
  }

  async skip(index: number): Promise<void> {
    const { hostId } = this.agent(index);
    for (const { id } of await this.rollouts()) {
      const isOut = await this.ask(id, `hosts/${hostId}/skip`, 'NOT_FOUND');
      // What was opened before it was taken out.
      await this.watch.check();
      if (isOut) this.watch.rollouts.onSkip(id, hostId);
    }
  }

  /**
   * Nothing fails any more, everything is said again, and people help what waits for them: every Mac gets to where its policy wants it,
   * whatever gate or window is on the way.
   */
  async converge(name: StrategyName): Promise<void> {
    for (const [index, agent] of this.agents.entries()) {
      agent.breaks = null;
      await this.label(index, true);
    }
    await this.apply(12, name);
    await this.watch.check();
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await this.sweep();
      await this.watch.check();
      if (await this.isDone()) return;
      let turns = 0;
      while (turns < TURNS_MAX && (await this.workOff())) turns += 1;
      for (const control of ['retry', 'resume'] as const) await this.control(control);
      // Nobody opens a gate that nothing has come to.
      if ((await this.rollouts()).some(({ stateReason }) => stateReason?.includes('the gate of')))
        await this.openGate(1);
      await this.watch.check();
      await this.wait(turns > 0 ? 10 * MINUTE : HOUR);
    }
    throw new Error(`not at rest after ${ROUNDS_MAX} rounds: ${JSON.stringify(await this.standing())}`);
  }

  private async workOff(): Promise<boolean> {
    let isAny = false;
    for (const index of this.agents.keys()) isAny = (await this.work(index)) || isAny;
    return isAny;
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

  /** false = refused, for the one reason that there may be. */
  private async ask(rolloutId: string, what: string, refusal: string): Promise<boolean> {
    const reply = await this.test.call('POST', `/api/v1/rollouts/${rolloutId}/${what}`, { body: {} });
    if (reply.status >= 300) expectRefusal(reply, refusal);
    return reply.status < 300;
  }

  private rollouts() {
    return this.test.database.prisma.rollout.findMany({
      where: { state: { in: ['running', 'paused', 'halted', 'waiting_for_confirmation'] } },
      orderBy: { id: 'asc' },
      select: { id: true, stateReason: true },
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
