import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { JobQueue } from '../queue/queue.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { type Evaluator, HOSTS_PER_BATCH } from './evaluator.ts';

const log = logger('evaluator');
/** Wake-ups that come together are one run. */
const COALESCE_MS = 15;
/** After a small batch: a rest as long as it took, so that what becomes due meanwhile is one more batch and not many. */
const REST_MS_MAX = 250;
/** One run. A large fleet is never still: whoever waits for the end of a run, as the sweep and the rollouts do, must not wait for that. */
const RUN_MS_MAX = 5_000;
const WORK_ID = 'fleet';

/**
 * Runs the evaluator when something is due. Wake-ups travel through the queue and may be lost; `sweepOnce`, called by a plain
 * timer, finds in Postgres whatever they missed.
 */
export class EvaluatorLoop {
  private readonly unsubscribe: () => void;
  private timer: NodeJS.Timeout | null = null;
  private draining = 0;
  /** Something became due while this loop was at it. */
  private isMoreDue = false;

  constructor(
    private readonly evaluator: Evaluator,
    private readonly rollouts: RolloutEngine,
    private readonly clock: Clock,
    private readonly queue: JobQueue,
    bus: ControllerBus,
    private readonly runMs = RUN_MS_MAX,
  ) {
    this.unsubscribe = bus.subscribe(({ kind }) => {
      if (kind === 'due') this.soon();
    });
  }

  async start(): Promise<void> {
    await this.queue.process('evaluate', () => this.drain());
  }

  stop(): void {
    this.unsubscribe();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /** Evaluates until nothing is due, or its time is over: then the queue brings the next run, after whoever waits there. */
  async drain(): Promise<void> {
    const until = performance.now() + this.runMs;
    let isLeft = false;
    this.draining += 1;
    try {
      do {
        this.isMoreDue = false;
        const taken = await this.batch();
        isLeft = taken > 0 || this.isMoreDue;
      } while (isLeft && performance.now() < until);
    } finally {
      this.draining -= 1;
    }
    if (isLeft) this.soon();
    await this.rollouts.openPending(this.clock.now());
  }

  /** What a lost wake-up could have left behind: who is heard of again, and what is due. */
  async sweepOnce(now: Date): Promise<void> {
    await this.evaluator.markReturned(now);
    await this.drain();
  }

  private async batch(): Promise<number> {
    const from = this.clock.now();
    const taken = await this.evaluator.runBatch(from);
    const tookMs = this.clock.now().getTime() - from.getTime();
    if (taken > 0 && taken < HOSTS_PER_BATCH) await sleep(Math.min(Math.max(tookMs, 0), REST_MS_MAX));
    return taken;
  }

  private soon(): void {
    this.isMoreDue = true;
    if (this.draining > 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.queue.add('evaluate', WORK_ID).catch((error: unknown) => log(`wake-up lost: ${String(error)}`));
    }, COALESCE_MS);
  }
}
