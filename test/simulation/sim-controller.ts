/**
 * The controller: the product's evaluator, plan writer, visits, policies, exceptions and rollout engine over rows in memory, with a bus
 * that may lose wake-ups and a timer that finds what was missed. A restart keeps the rows and nothing else.
 */
import { ControllerBus, type Wake } from '../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../apps/controller/src/common/clock.ts';
import type { Database } from '../../apps/controller/src/db/database.ts';
import { Evaluator } from '../../apps/controller/src/evaluator/evaluator.ts';
import { type ExceptionOrder, Exceptions } from '../../apps/controller/src/exceptions/exceptions.ts';
import { PlanWriter } from '../../apps/controller/src/plans/plan-writer.ts';
import { type ApplyOrder, ApplyRevision } from '../../apps/controller/src/policies/apply-revision.ts';
import { RelabelledHosts } from '../../apps/controller/src/policies/relabelled.ts';
import { ExceptionEnds } from '../../apps/controller/src/rollouts/exception-ends.ts';
import { RolloutControl } from '../../apps/controller/src/rollouts/rollout-control.ts';
import { RolloutEngine } from '../../apps/controller/src/rollouts/rollout-engine.ts';
import { VisitWriter } from '../../apps/controller/src/visits/visit-writer.ts';
import { Visits } from '../../apps/controller/src/visits/visits.ts';
import { Witnesses } from '../../apps/controller/src/witness/witnesses.ts';
import { signer } from './approver.ts';
import { LostCommit, memoryDatabase } from './memory-database.ts';
import { ModelJobs, type ModelOptions } from './model-jobs.ts';
import { hostOf, type Rows, replaceRows } from './rows.ts';
import type { Timeline } from './timeline.ts';
import { Violation } from './violation.ts';
import type { Books, Watch } from './watch.ts';

export const LEASE_TTL_MS = 60_000;
const CHECK_IN_MS = 60_000;
const SWEEP_MS = 15_000;
const BATCHES_MAX = 40;

export interface ControllerPorts {
  readonly rows: Rows;
  readonly time: Timeline;
  readonly watch: Watch;
  readonly note: (text: string) => void;
  readonly nudge: (hostId: string) => void;
  readonly losesWakeUp: () => boolean;
  readonly losesCommit: () => boolean;
  /** Another store than the model, to see that the watch notices what it does wrong. */
  readonly makeJobs?: (rows: Rows, options: ModelOptions) => ModelJobs;
  /** Another engine than the product's, for the same reason. */
  readonly makeEngine?: MakeEngine;
  /** How an approver consents. */
  readonly ask: (order: ExceptionOrder) => { readonly id: string; readonly awaitsApproval: boolean };
}

export type MakeEngine = (rows: Rows, database: Database, bus: ControllerBus, clock: Clock) => RolloutEngine;

type Parts = ReturnType<SimController['makeParts']>;

export class SimController {
  isUp = true;
  /** Grows with each stop: what was under way to the controller before it does not arrive any more. */
  run = 0;
  /** Grows when the queue is emptied. */
  private queueRun = 0;
  private queueAwayUntil = 0;
  private jobCount = 0;
  /** May a commit be lost just now? Not while people act: they would do the same again. */
  private mayLose = false;
  private parts: Parts;
  private readonly snapshots: { readonly rows: Rows; readonly books: Books }[] = [];

  constructor(private readonly ports: ControllerPorts) {
    this.parts = this.makeParts();
    ports.time.every(SWEEP_MS, () => this.sweep());
  }

  get jobs(): ModelJobs {
    return this.parts.jobs;
  }

  get control(): RolloutControl {
    return this.parts.control;
  }

  get exceptions(): Exceptions {
    return this.parts.exceptions;
  }

  get witnesses(): Witnesses {
    return this.parts.witnesses;
  }

  restart(): void {
    this.parts = this.makeParts();
    this.isUp = true;
  }

  stop(): void {
    this.isUp = false;
    this.run += 1;
  }

  /** FLUSHALL, or the schema of the queue dropped: what waits in it is gone, and nothing gets in for a while. */
  emptyQueue(awayMs: number): void {
    this.queueRun += 1;
    this.queueAwayUntil = this.ports.time.now + awayMs;
  }

  /** Every wake-up may be lost: the sweep alone must do. One part that fails holds up no other. */
  async sweep(): Promise<void> {
    if (!this.isUp) return;
    const { jobs, evaluator, ends, relabelled, engine } = this.parts;
    jobs.sweep();
    await evaluator.markReturned(this.now());
    await this.losing('the end of an exception', () => ends.sweepOnce(this.now()));
    await relabelled.sweepOnce(this.now());
    await this.losing('a rollout', () => engine.openDue(this.now()));
    await this.drain();
  }

  async openVisit(id: string) {
    return this.parts.visits.open(id, 'token:technician', this.now());
  }

  async apply(order: ApplyOrder): Promise<void> {
    const { database, policies, engine } = this.parts;
    await database.transaction((tx) => policies.put(tx, order));
    await engine.openPending(this.now());
  }

  markDue(hostId: string): void {
    hostOf(this.ports.rows, hostId).state.dueAt = this.now();
    this.publish({ kind: 'due', hostId });
  }

  takeSnapshot(): void {
    const { rows, watch } = this.ports;
    this.snapshots.push(structuredClone({ rows: { ...rows }, books: watch.books }));
    if (this.snapshots.length > 4) this.snapshots.shift();
  }

  /** The database as it was: everything since is forgotten here, and nowhere else. */
  restore(index: number): boolean {
    const snapshot = this.snapshots[index % Math.max(1, this.snapshots.length)];
    if (snapshot === undefined) return false;
    const { rows, watch } = this.ports;
    replaceRows(rows, snapshot.rows);
    watch.books = structuredClone(snapshot.books);
    this.stop();
    this.restart();
    return true;
  }

  private makeParts() {
    const { rows, watch, losesCommit, makeJobs, ask, makeEngine } = this.ports;
    const now = () => this.now();
    const publish = (wake: Wake) => this.publish(wake);
    const newId = () => {
      this.jobCount += 1;
      return `00000000-0000-7000-8000-${String(this.jobCount).padStart(12, '0')}`;
    };
    const options: ModelOptions = { now, publish, newId, leaseTtlMs: LEASE_TTL_MS };
    const jobs = makeJobs?.(rows, options) ?? new ModelJobs(rows, options);
    const database = memoryDatabase(rows, {
      now,
      losesCommit: () => this.mayLose && losesCommit(),
      onState: (hostId, state) => watch.onState(hostId, state),
      onFlip: (rolloutId, hostIds) => watch.rollouts.onFlip(rolloutId, hostIds),
    });
    const bus = new LossyBus(publish);
    const clock = new SimClock(now);
    const engine = makeEngine?.(rows, database, bus, clock) ?? new RolloutEngine(database, bus, clock);
    const plans = new PlanWriter(database, jobs);
    const asked = { ask: async (_tx: unknown, order: ExceptionOrder) => ask(order) } as unknown as Exceptions;
    const policies = new ApplyRevision(database, asked, engine);
    engine.lateHosts = (tx, revisionId, rolloutId) => policies.lateHostsOf(tx, revisionId, rolloutId);
    const evaluator = new Evaluator({
      ...{ database, bus, plans, rollouts: engine, key: signer, checkInMs: CHECK_IN_MS },
      visits: new VisitWriter(database),
      labels: { applyTo: async () => {} },
    });
    return {
      ...{ jobs, database, engine, policies, evaluator },
      visits: new Visits(database, bus),
      exceptions: new Exceptions(database, bus, clock, signer, true, plans),
      control: new RolloutControl(database, engine),
      ends: new ExceptionEnds(database, engine),
      relabelled: new RelabelledHosts(database, engine),
      witnesses: new Witnesses(database, bus),
    };
  }

  /** Wake-ups come a moment later, in a controller that still runs, or not at all. */
  private publish({ kind, hostId }: Wake): void {
    const { time, nudge, losesWakeUp } = this.ports;
    if ((kind !== 'due' && kind !== 'work') || losesWakeUp() || time.now < this.queueAwayUntil) return;
    const { run, queueRun } = this;
    const arrive = () => (kind === 'work' ? nudge(hostId) : this.drain());
    time.after(20, () => (run === this.run && queueRun === this.queueRun && this.isUp ? arrive() : undefined));
  }

  /** What the evaluator finds out may move rollouts, and those open Macs that are due then. */
  private async drain(): Promise<void> {
    const { evaluator, engine } = this.parts;
    for (let batches = 0; batches < BATCHES_MAX; batches += 1) {
      const taken = await this.losing('the evaluator', () => evaluator.runBatch(this.now()));
      if (taken === null) return;
      if (taken > 0) continue;
      if ((await this.losing('a rollout', () => engine.openDue(this.now()))) === null) return;
      if (!this.isAnyDue()) return;
    }
    throw new Violation(`the evaluator is not done after ${BATCHES_MAX} batches at one time`);
  }

  private isAnyDue(): boolean {
    const { now } = this.ports.time;
    return this.ports.rows.hosts.some(({ state: { dueAt } }) => dueAt !== null && dueAt.getTime() <= now);
  }

  /** null = its commit was lost, and what it did is gone. */
  private async losing<T>(what: string, run: () => Promise<T>): Promise<T | null> {
    this.mayLose = true;
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof LostCommit)) throw error;
      this.ports.note(`a commit of ${what} is lost`);
      return null;
    } finally {
      this.mayLose = false;
    }
  }

  private now(): Date {
    return new Date(this.ports.time.now);
  }
}

class LossyBus extends ControllerBus {
  constructor(private readonly send: (wake: Wake) => void) {
    super();
  }

  publish(wake: Wake): void {
    this.send(wake);
  }

  subscribe(): () => void {
    return () => {};
  }

  async close(): Promise<void> {}
}

class SimClock extends Clock {
  constructor(private readonly read: () => Date) {
    super();
  }

  now(): Date {
    return this.read();
  }
}
