/**
 * One run: Macs, agents, people, a controller, and what a list of commands does to them; then peace, in which every host has to get to
 * where its policy wants it. All that is random within it follows from the seed.
 */
import { createHash } from 'node:crypto';
import { QUOTA_STOCK } from '@headroom/core';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import { type Random, randomFrom } from '../../scripts/fuzz/random.ts';
import { verifies } from './approver.ts';
import { breakSomething } from './faults.ts';
import { LostCommit } from './memory-database.ts';
import type { ModelJobs, ModelOptions } from './model-jobs.ts';
import { CANARY, LABELS, People } from './people.ts';
import { type HostRow, isOpenVisit, newHost, noRows, type Rows, type VisitRow } from './rows.ts';
import { type AgentPorts, SimAgent } from './sim-agent.ts';
import { LEASE_TTL_MS, type MakeEngine, SimController } from './sim-controller.ts';
import { SimMac, VARIANTS, type VisitLength } from './sim-mac.ts';
import { START, Timeline } from './timeline.ts';
import { Violation } from './violation.ts';
import { Watch } from './watch.ts';
import { type Fate, Wire } from './wire.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const STOCK: readonly string[] = ['not_started', 'kdk_missing', 'kdk_ready', 'kc_staged', 'reverted'];
/** Windows open once a day, and a rollout may need three of them; a step that needs an admin is tried again each hour. */
const PEACE_MS = 4 * DAY;
export const SITES = ['Basel', 'Bern', null] as const;

/** An agent and what keeps it from running. */
export interface Seat {
  readonly agent: SimAgent;
  isOn: boolean;
  asleepUntil: number;
  offlineUntil: number;
  /** Until then no kernel collection can be built there. */
  brokenUntil: number;
  /** Grows when it is to tick at another time than planned. */
  turn: number;
}

/** Something that happens to a world. */
export interface Act {
  readonly name: string;
  readonly run: (world: World) => Promise<void>;
}

export interface RunOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly acts: readonly Act[];
  /** How long every host has to get to where it should be. */
  readonly peaceMs?: number;
  /** Another store than the model, to see that the watch notices. */
  readonly makeJobs?: (rows: Rows, options: ModelOptions) => ModelJobs;
  /** Another engine, for the same reason. */
  readonly makeEngine?: MakeEngine;
  /** Shall agents take every consent for one in time? To see that the watch notices. */
  readonly agentsIgnoreTime?: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly jobs: number;
  readonly visits: number;
  readonly rollouts: number;
  /** Intents that rollouts set, and rollouts that stood still for a threshold or a person. */
  readonly flips: number;
  readonly stops: number;
  readonly faults: ReadonlyMap<string, number>;
  /** From the end of the faults until every host is where it should be. */
  readonly convergedMs: number;
  /** Of everything that happened, in order: equal for equal seeds. */
  readonly digest: string;
  readonly violation: string | null;
  readonly trace: readonly string[];
}

export class World {
  readonly rows: Rows = noRows();
  readonly time = new Timeline();
  readonly seats: Seat[] = [];
  readonly random: Random;
  readonly controller: SimController;
  readonly watch = new Watch(this.rows, () => this.time.now);
  readonly people: People;
  readonly trace: string[] = [];
  readonly faults = new Map<string, number>();
  private readonly peaceMs: number;
  private peaceFrom: number | null = null;
  private events = 0;
  private readonly wire: Wire;
  private readonly nudges: boolean;
  private readonly visiting = new Set<string>();

  constructor(private readonly options: RunOptions) {
    const { seed, hosts, makeJobs, makeEngine } = options;
    this.peaceMs = options.peaceMs ?? PEACE_MS;
    this.random = randomFrom(seed, 0);
    this.nudges = this.chance(3, 4);
    const { rows, time, watch } = this;
    const note = (text: string) => this.note(text);
    this.controller = new SimController({
      ...{ rows, time, watch, note },
      nudge: (hostId) => this.nudge(hostId),
      losesWakeUp: () => !this.isPeace && this.chance(1, 5),
      losesCommit: () => !this.isPeace && this.chance(1, 50),
      ask: (order) => this.people.ask(order),
      ...(makeJobs !== undefined && { makeJobs }),
      ...(makeEngine !== undefined && { makeEngine }),
    });
    this.people = new People({ rows, watch, note, controller: this.controller, now: () => time.now });
    this.wire = new Wire({
      ...{ watch, note, leaseTtlMs: LEASE_TTL_MS },
      jobs: () => this.controller.jobs,
      now: () => time.now,
      reachable: (agent) => this.isReachable(agent),
      fate: () => this.fate(),
      later: (run) => this.later(run),
    });
    for (let index = 0; index < hosts; index += 1) this.addHost(index);
  }

  get isPeace(): boolean {
    return this.peaceFrom !== null;
  }

  chance(count: number, of: number): boolean {
    return this.random.below(of) < count;
  }

  between(from: number, to: number): number {
    return from + this.random.below(to - from + 1);
  }

  note(text: string): void {
    this.trace.push(`+${((this.time.now - START) / 1000).toFixed(1)}s ${text}`);
  }

  seat(agent: SimAgent): Seat {
    const seat = { agent, isOn: true, asleepUntil: 0, offlineUntil: 0, brokenUntil: 0, turn: 0 };
    this.seats.push(seat);
    this.schedule(seat, this.between(0, MINUTE));
    return seat;
  }

  newAgent(name: string, hostId: string, mac: SimMac): SimAgent {
    const ports: AgentPorts = {
      wire: this.wire,
      now: () => this.time.now,
      takes: (kind) =>
        kind === 'install_kdk' || kind === 'build_kc' ? this.between(30_000, 5 * MINUTE) : this.between(100, 3000),
      fails: (agent, kind) => this.failureOf(agent, kind),
      onLower: (agent, what, quota, payload) =>
        this.watch.onLower(agent.mac, `${name}: ${what}`, quota, payload, agent.agentTime()),
      verify: verifies,
      gateTime: (agent) => (this.options.agentsIgnoreTime ? new Date(START) : agent.agentTime()),
    };
    return new SimAgent(name, hostId, mac, ports);
  }

  turnOff(seat: Seat): void {
    seat.agent.die();
    seat.isOn = false;
    seat.turn += 1;
  }

  turnOn(seat: Seat): void {
    if (!this.seats.includes(seat)) return;
    seat.isOn = true;
    this.schedule(seat, this.between(500, 20_000));
  }

  schedule(seat: Seat, ms: number): void {
    seat.turn += 1;
    const { turn } = seat;
    this.time.after(ms, () => (turn === seat.turn && seat.isOn ? this.tick(seat) : undefined));
  }

  /** Lets time go on: everything that is planned until then happens. */
  async pass(ms: number): Promise<void> {
    const until = this.time.now + ms;
    // Something that does nothing, so that time stands there when nothing else does.
    this.time.after(ms, () => undefined);
    while (this.time.now < until) await this.step();
  }

  async run(): Promise<RunResult> {
    const { options, time, controller } = this;
    let violation: string | null = null;
    let convergedMs = 0;
    time.every(20 * MINUTE, () => (this.isPeace ? undefined : controller.takeSnapshot()));
    time.every(10 * MINUTE, () => this.lookForVisits());
    time.every(30 * MINUTE, () => (this.isPeace && controller.isUp ? this.help() : undefined));
    try {
      for (const act of options.acts) {
        this.note(`ACT ${act.name}`);
        await act.run(this);
        this.watch.check();
        await this.pass(this.between(1000, MINUTE));
      }
      this.makePeace();
      const from = time.now;
      while (!this.isAtRest() && time.now < from + this.peaceMs) await this.step();
      convergedMs = time.now - from;
      if (!this.isAtRest())
        throw new Violation(`not at rest ${this.peaceMs / HOUR} h after the last fault: ${this.standing()}`);
    } catch (error) {
      violation = error instanceof Violation ? error.message : ((error as Error).stack ?? String(error));
    }
    const { jobs, visits, rollouts } = this.rows;
    const digest = createHash('sha256').update(this.trace.join('\n')).digest('hex').slice(0, 16);
    const { trace, faults, events } = this;
    const { flips, stops } = this.watch.rollouts;
    return {
      ...{ seed: options.seed, events, jobs: jobs.length, visits: visits.length, rollouts: rollouts.length },
      ...{ flips, stops, faults, convergedMs, digest, violation, trace },
    };
  }

  hostId(nth: number): string {
    return this.rows.hosts[nth % this.rows.hosts.length]?.id ?? '';
  }

  break(name: string, nth: number): void {
    const broken = breakSomething(this, name, nth);
    this.faults.set(broken, (this.faults.get(broken) ?? 0) + 1);
    this.note(`FAULT ${broken}`);
  }

  /** Somebody counts guests on the nth Mac. */
  async witness(nth: number): Promise<void> {
    const { agent, isOn } = this.seatOf(this.hostId(nth));
    if (isOn) await this.people.witness(agent.name, agent.mac);
  }

  private async help(): Promise<void> {
    await this.people.help(2 * this.peaceMs);
    for (const nth of this.rows.hosts.keys()) await this.witness(nth);
  }

  private seatOf(hostId: string): Seat {
    const seat = this.seats.find(({ agent }) => agent.name === hostId);
    if (seat === undefined) throw new Error(`there is no Mac ${hostId}`);
    return seat;
  }

  private async step(): Promise<void> {
    await this.time.step();
    this.watch.check();
    this.events += 1;
  }

  private addHost(index: number): void {
    const hardwareUuid = `3D6B9F2E-1111-4222-8333-${String(index).padStart(12, '0')}`;
    const id = `mac-${index + 1}`;
    const host = newHost(id, hardwareUuid, new Date(this.time.now));
    host.labels = [LABELS[0], ...(index % 3 === 0 ? [CANARY] : [])];
    host.location = SITES[index % SITES.length] ?? null;
    this.rows.hosts.push(host);
    // As an enrolment leaves it.
    const none = { extraArgs: [], revisionId: null, grantId: null, rolloutId: null };
    this.rows.intents.push({ hostId: id, number: 1, quota: QUOTA_STOCK, ...none });
    const agent = this.newAgent(id, id, new SimMac(hardwareUuid, this.random, VARIANTS[index % 4 === 3 ? 1 : 0]));
    // Some Macs fail whatever is done, until peace: without them no threshold is ever reached.
    if (this.chance(1, 3)) this.seat(agent).brokenUntil = START + DAY;
    else this.seat(agent);
  }

  private tick(seat: Seat): void {
    const { now } = this.time;
    if (seat.asleepUntil > now) this.schedule(seat, seat.asleepUntil - now);
    else this.schedule(seat, Math.max(50, seat.agent.tick()) + this.random.below(200));
  }

  private nudge(hostId: string): void {
    if (!this.nudges) return;
    for (const seat of this.seats)
      if (seat.agent.hostId === hostId && seat.isOn && seat.agent.isIdle) this.schedule(seat, 50);
  }

  /** A download that time cures, or a step that fails for good until somebody sees to it. */
  private failureOf(agent: SimAgent, kind: string): string | null {
    if (this.isPeace) return null;
    if (kind === 'install_kdk' && this.chance(1, 4)) return 'KDK_DOWNLOAD_FAILED';
    const brokenUntil = this.seats.find((one) => one.agent === agent)?.brokenUntil ?? 0;
    return kind === 'build_kc' && brokenUntil > this.time.now ? 'KC_WRONG_VARIANT' : null;
  }

  private isReachable(agent: SimAgent): boolean {
    const seat = this.seats.find((one) => one.agent === agent);
    return this.controller.isUp && seat !== undefined && seat.offlineUntil <= this.time.now;
  }

  private fate(): Fate {
    if (this.isPeace || !this.chance(1, 12)) return 'arrives';
    return this.random.pick<Fate>(['lost', 'answer lost', 'late', 'twice']);
  }

  /** A connection does not outlive the controller that it leads to. */
  private later(run: () => void): void {
    const { controller } = this;
    const { run: life } = controller;
    this.time.after(this.between(1000, 10 * MINUTE), () =>
      controller.isUp && controller.run === life ? run() : undefined,
    );
  }

  /** A technician's round: opens what is due, walks there, does it. */
  private async lookForVisits(): Promise<void> {
    if (!this.controller.isUp) return;
    for (const visit of [...this.rows.visits]) {
      if (!isOpenVisit(visit) || this.visiting.has(visit.hostId) || (!this.isPeace && this.chance(1, 4))) continue;
      await this.visit(visit);
    }
  }

  private async visit({ id, hostId }: VisitRow): Promise<void> {
    const opened = await this.controller.openVisit(id).catch((error: unknown) => {
      if (error instanceof Problem || error instanceof LostCommit) return null;
      throw error;
    });
    if (opened === null) return;
    this.note(`${hostId}: a ${opened.kind} visit is opened`);
    this.visiting.add(hostId);
    this.time.after(this.between(MINUTE, 8 * MINUTE), () => this.atTheMac(hostId, opened));
  }

  private atTheMac(hostId: string, { kind, code }: { readonly kind: string; readonly code: string | null }): void {
    const seat = this.seatOf(hostId);
    const { agent } = seat;
    this.turnOff(seat);
    if (kind === 'revert') agent.mac.revert();
    if (code !== null) {
      const length = this.isPeace
        ? 'all'
        : this.random.pick<VisitLength>(['all', 'all', 'all', 'csrutil', 'configure-boot', 'nvram-fails']);
      const kit = agent.mac.raise(code, length, agent.agentTime());
      if (kit !== null) this.watch.onLowerByKit(agent.mac, `${hostId}: visit`, kit, agent.agentTime());
      this.note(`${hostId}: raise ${kit === null ? 'is refused' : length}`);
    }
    this.time.after(this.between(MINUTE, 3 * MINUTE), () => {
      agent.mac.boot();
      this.visiting.delete(hostId);
      this.turnOn(seat);
    });
  }

  /** No more faults: clones are gone, clocks right, everything on. From now on people help, and do not err. */
  private makePeace(): void {
    this.peaceFrom = this.time.now;
    this.note('PEACE');
    this.controller.restart();
    for (const seat of [...this.seats]) {
      if (seat.agent.name !== seat.agent.hostId) {
        this.turnOff(seat);
        this.seats.splice(this.seats.indexOf(seat), 1);
      }
      seat.asleepUntil = 0;
      seat.offlineUntil = 0;
      seat.agent.clockOffsetMs = 0;
      if (!seat.isOn && !this.visiting.has(seat.agent.name)) this.turnOn(seat);
    }
  }

  /** Every host where its policy wants it, in the controller's eyes and in truth, and no rollout on the way. */
  private isAtRest(): boolean {
    const isMoving = this.rows.rollouts.some(({ state }) => state === 'running');
    return !isMoving && this.rows.hosts.every((host) => this.isHostAtRest(host));
  }

  private isHostAtRest({ id, state }: HostRow): boolean {
    const mac = this.seats.find(({ agent }) => agent.name === id)?.agent.mac;
    const isQuiet = !this.rows.plans.some((plan) => plan.hostId === id && plan.state === 'open');
    const wanted = this.people.wantedOf(id);
    const isThere = wanted === QUOTA_STOCK ? STOCK.includes(state.state) : state.state === 'raised';
    return isThere && state.dueAt === null && isQuiet && (mac?.quotaInForce() ?? QUOTA_STOCK) === wanted;
  }

  private standing(): string {
    const hosts = this.rows.hosts.map(
      ({ id, state: { state, presence, findings } }) =>
        `${id} ${state}, ${presence}, ${this.people.wantedOf(id)} wanted, ${findings.map(({ code }) => code).join(' ')}`,
    );
    const rollouts = this.rows.rollouts
      .filter(({ finishedAt }) => finishedAt === null)
      .map(({ state, stateReason }) => `a rollout ${state}: ${stateReason}`);
    return [...hosts, ...rollouts].join('; ');
  }
}
