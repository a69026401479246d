/**
 * The controller: the product's evaluator, plan writer and visits over rows in memory, with a bus that may lose wake-ups and a
 * timer that finds what was missed. A restart keeps the rows and nothing else.
 */
import { ControllerBus, type Wake } from '../../apps/controller/src/bus/bus.ts';
import { Evaluator } from '../../apps/controller/src/evaluator/evaluator.ts';
import { PlanWriter } from '../../apps/controller/src/plans/plan-writer.ts';
import { VisitWriter } from '../../apps/controller/src/visits/visit-writer.ts';
import { Visits } from '../../apps/controller/src/visits/visits.ts';
import { signer } from './approver.ts';
import { LostCommit, memoryDatabase } from './memory-database.ts';
import { ModelJobs, type ModelOptions } from './model-jobs.ts';
import { hostOf, type Rows, replaceRows } from './rows.ts';
import type { Timeline } from './timeline.ts';
import { type Books, Violation, type Watch } from './watch.ts';

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
}

export class SimController {
  jobs: ModelJobs;
  isUp = true;
  private evaluator: Evaluator;
  private visits: Visits;
  /** Grows with each stop: what was under way to the controller before it does not arrive any more. */
  run = 0;
  /** Grows when the queue is emptied. */
  private queueRun = 0;
  private queueAwayUntil = 0;
  private jobCount = 0;
  private readonly snapshots: { readonly rows: Rows; readonly books: Books }[] = [];

  constructor(private readonly ports: ControllerPorts) {
    ({ jobs: this.jobs, evaluator: this.evaluator, visits: this.visits } = this.makeParts());
    ports.time.every(SWEEP_MS, () => this.sweep());
  }

  restart(): void {
    ({ jobs: this.jobs, evaluator: this.evaluator, visits: this.visits } = this.makeParts());
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

  /** Every wake-up may be lost: the sweep alone must do. */
  async sweep(): Promise<void> {
    if (!this.isUp) return;
    this.jobs.sweep();
    await this.evaluator.markReturned(this.now());
    await this.drain();
  }

  async openVisit(id: string) {
    return this.visits.open(id, 'token:technician', this.now());
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
    const { rows, watch, losesCommit, makeJobs } = this.ports;
    const now = () => this.now();
    const publish = (wake: Wake) => this.publish(wake);
    const newId = () => {
      this.jobCount += 1;
      return `00000000-0000-7000-8000-${String(this.jobCount).padStart(12, '0')}`;
    };
    const options: ModelOptions = { now, publish, newId, leaseTtlMs: LEASE_TTL_MS };
    const jobs = makeJobs?.(rows, options) ?? new ModelJobs(rows, options);
    const onState = (hostId: string, state: Rows['hosts'][number]['state']) => watch.onState(hostId, state);
    const database = memoryDatabase(rows, { now, losesCommit, onState });
    const bus = new LossyBus(publish);
    const evaluator = new Evaluator({
      database,
      bus,
      plans: new PlanWriter(database, jobs),
      visits: new VisitWriter(database),
      // Intents are given by the simulation itself.
      rollouts: { note: async () => [], hasNews: () => {} } as unknown as ConstructorParameters<
        typeof Evaluator
      >[0]['rollouts'],
      labels: { applyTo: async () => {} },
      key: signer,
      checkInMs: CHECK_IN_MS,
    });
    return { jobs, evaluator, visits: new Visits(database, bus) };
  }

  /** Wake-ups come a moment later, in a controller that still runs, or not at all. */
  private publish({ kind, hostId }: Wake): void {
    const { time, nudge, losesWakeUp } = this.ports;
    if ((kind !== 'due' && kind !== 'work') || losesWakeUp() || time.now < this.queueAwayUntil) return;
    const { run, queueRun } = this;
    const arrive = () => (kind === 'work' ? nudge(hostId) : this.drain());
    time.after(20, () => (run === this.run && queueRun === this.queueRun && this.isUp ? arrive() : undefined));
  }

  private async drain(): Promise<void> {
    for (let batches = 0; batches < BATCHES_MAX; batches += 1) {
      try {
        if ((await this.evaluator.runBatch(this.now())) === 0) return;
      } catch (error) {
        if (!(error instanceof LostCommit)) throw error;
        this.ports.note('a commit of the evaluator is lost');
        return;
      }
    }
    throw new Violation(`the evaluator is not done after ${BATCHES_MAX} batches at one time`);
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
