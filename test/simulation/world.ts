/** One run: Macs, agents, a person, a controller, faults from a seed, and then peace, in which every host has to become raised. */
import { createHash } from 'node:crypto';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import { type Random, randomFrom } from '../../scripts/fuzz/random.ts';
import { giveConsent, verifies } from './approver.ts';
import { breakSomething } from './faults.ts';
import { LostCommit } from './memory-database.ts';
import type { ModelJobs, ModelOptions } from './model-jobs.ts';
import { type HostRow, newHost, type Rows, type VisitRow } from './rows.ts';
import { type AgentPorts, SimAgent } from './sim-agent.ts';
import { LEASE_TTL_MS, SimController } from './sim-controller.ts';
import { SimMac, type VisitLength } from './sim-mac.ts';
import { START, Timeline } from './timeline.ts';
import { Violation, Watch } from './watch.ts';
import { type Fate, Wire } from './wire.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const HOSTS = 3;
const FAULTS_MS = 1.5 * HOUR;
/** A step that needs an admin is tried again each hour; a raise takes two visits at most, after that. */
const PEACE_MS = 8 * HOUR;
export const QUOTAS = [255, 8, 16] as const;

/** An agent and what keeps it from running. */
export interface Seat {
  readonly agent: SimAgent;
  isOn: boolean;
  asleepUntil: number;
  offlineUntil: number;
  /** Grows when it is to tick at another time than planned. */
  turn: number;
}

export interface RunOptions {
  readonly seed: number;
  /** Another store than the model, to see that the watch notices. */
  readonly makeJobs?: (rows: Rows, options: ModelOptions) => ModelJobs;
  /** Shall agents take every consent for one in time? To see that the watch notices. */
  readonly agentsIgnoreTime?: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly jobs: number;
  readonly visits: number;
  readonly faults: ReadonlyMap<string, number>;
  /** From the end of the faults until every host is raised. */
  readonly convergedMs: number;
  /** Of everything that happened, in order: equal for equal seeds. */
  readonly digest: string;
  readonly violation: string | null;
  readonly trace: readonly string[];
}

export class World {
  readonly rows: Rows = { hosts: [], plans: [], jobs: [], visits: [] };
  readonly time = new Timeline();
  readonly seats: Seat[] = [];
  readonly random: Random;
  readonly controller: SimController;
  readonly watch = new Watch(this.rows);
  readonly trace: string[] = [];
  readonly faults = new Map<string, number>();
  private peaceFrom: number | null = null;
  private readonly wire: Wire;
  private readonly nudges: boolean;
  private readonly visiting = new Set<string>();

  constructor(private readonly options: RunOptions) {
    const { seed, makeJobs } = options;
    this.random = randomFrom(seed, 0);
    this.nudges = this.chance(3, 4);
    const { rows, time, watch } = this;
    const note = (text: string) => this.note(text);
    this.controller = new SimController({
      ...{ rows, time, watch, note },
      nudge: (hostId) => this.nudge(hostId),
      losesWakeUp: () => !this.isPeace && this.chance(1, 5),
      losesCommit: () => !this.isPeace && this.chance(1, 50),
      ...(makeJobs !== undefined && { makeJobs }),
    });
    this.wire = new Wire({
      ...{ watch, note, leaseTtlMs: LEASE_TTL_MS },
      jobs: () => this.controller.jobs,
      now: () => time.now,
      reachable: (agent) => this.isReachable(agent),
      fate: () => this.fate(),
      later: (run) => this.later(run),
    });
    for (let index = 0; index < HOSTS; index += 1) this.addHost(index);
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

  /** The approver's door: what is wanted of a host, and the consent for it. */
  want(host: HostRow, quota: number, lastsMs: number): void {
    const { id, hardwareUuid, intent } = host;
    const grant = giveConsent(hardwareUuid, quota, this.time.now, lastsMs);
    this.watch.consents.add(grant.payload);
    Object.assign(intent, { number: intent.number + 1, quota, grant });
    this.controller.markDue(id);
  }

  seat(agent: SimAgent): Seat {
    const seat = { agent, isOn: true, asleepUntil: 0, offlineUntil: 0, turn: 0 };
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
      stumbles: (kind) => !this.isPeace && kind === 'install_kdk' && this.chance(1, 4),
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

  async run(): Promise<RunResult> {
    const { options, time, controller } = this;
    let violation: string | null = null;
    let events = 0;
    let convergedMs = 0;
    const step = async () => {
      await time.step();
      this.watch.check();
      events += 1;
    };
    time.every(20 * MINUTE, () => (this.isPeace ? undefined : controller.takeSnapshot()));
    time.every(10 * MINUTE, () => this.lookForVisits());
    time.every(30 * MINUTE, () => this.lookForFailures());
    this.planNextFault();
    try {
      while (time.now < START + FAULTS_MS) await step();
      this.makePeace();
      const from = time.now;
      while (!this.isRaised() && time.now < from + PEACE_MS) await step();
      convergedMs = time.now - from;
      if (!this.isRaised())
        throw new Violation(`not raised ${PEACE_MS / HOUR} h after the last fault: ${this.standing()}`);
    } catch (error) {
      violation = error instanceof Violation ? error.message : ((error as Error).stack ?? String(error));
    }
    const { jobs, visits } = this.rows;
    const digest = createHash('sha256').update(this.trace.join('\n')).digest('hex').slice(0, 16);
    const { trace, faults } = this;
    return {
      ...{ seed: options.seed, events, jobs: jobs.length, visits: visits.length, faults },
      ...{ convergedMs, digest, violation, trace },
    };
  }

  private addHost(index: number): void {
    const hardwareUuid = `3D6B9F2E-1111-4222-8333-00000000000${index}`;
    const id = `mac-${index + 1}`;
    const quota = this.random.pick(QUOTAS);
    const grant = giveConsent(hardwareUuid, quota, this.time.now, this.chance(1, 4) ? 2 * HOUR : 90 * DAY);
    this.watch.consents.add(grant.payload);
    this.rows.hosts.push(newHost(id, hardwareUuid, { number: 1, quota, grant }, new Date(this.time.now)));
    const agent = this.newAgent(id, id, new SimMac(hardwareUuid, this.random));
    this.seat(agent);
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

  private planNextFault(): void {
    this.time.after(this.between(20_000, 6 * MINUTE), () => {
      if (this.isPeace) return;
      const name = breakSomething(this);
      if (name !== null) {
        this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
        this.note(`FAULT ${name}`);
      }
      this.planNextFault();
    });
  }

  /** A technician's round: opens what is due, walks there, does it. */
  private async lookForVisits(): Promise<void> {
    if (!this.controller.isUp) return;
    for (const visit of [...this.rows.visits]) {
      const isOpen = visit.state === 'due' || visit.state === 'open';
      if (!isOpen || this.visiting.has(visit.hostId) || (!this.isPeace && this.chance(1, 4))) continue;
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
    this.time.after(this.between(MINUTE, 8 * MINUTE), () => this.atTheMac(hostId, opened.code));
  }

  private atTheMac(hostId: string, code: string | null): void {
    const seat = this.seats.find(({ agent }) => agent.name === hostId);
    if (seat === undefined) throw new Error(`there is no Mac ${hostId}`);
    const { agent } = seat;
    this.turnOff(seat);
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

  /** An admin's round: a failure that time does not cure is looked at, and the policy applied anew. */
  private lookForFailures(): void {
    for (const host of this.rows.hosts)
      if (host.state.findings.some(({ code }) => code === 'STEP_FAILED_FOR_GOOD')) {
        this.note(`${host.id}: an admin applies the policy anew`);
        host.intent.number += 1;
        this.controller.markDue(host.id);
      }
  }

  /** No more faults: clones are gone, clocks right, consent given, everything on. */
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
    for (const host of this.rows.hosts) this.want(host, host.intent.quota, 90 * DAY);
  }

  private isRaised(): boolean {
    return this.rows.hosts.every((host) => this.isHostRaised(host));
  }

  /** Raised in the controller's eyes and in truth, with nothing left to do. */
  private isHostRaised({ id, state, intent }: HostRow): boolean {
    const mac = this.seats.find(({ agent }) => agent.name === id)?.agent.mac;
    const isQuiet = !this.rows.plans.some((plan) => plan.hostId === id && plan.state === 'open');
    return state.state === 'raised' && state.dueAt === null && isQuiet && mac?.quotaInForce() === intent.quota;
  }

  private standing(): string {
    return this.rows.hosts
      .map(
        ({ id, state: { state, presence, findings } }) =>
          `${id} ${state}, ${presence}, ${findings.map(({ code }) => code).join(' ')}`,
      )
      .join('; ');
  }
}

export function simulate(options: RunOptions): Promise<RunResult> {
  return new World(options).run();
}
