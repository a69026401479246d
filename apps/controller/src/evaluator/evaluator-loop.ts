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

  /** Evaluates until nothing is due. */
  async drain(): Promise<void> {
    this.draining += 1;
    try {
      let taken = 0;
      do {
        this.isMoreDue = false;
        taken = await this.batch();
      } while (taken > 0 || this.isMoreDue);
    } finally {
      this.draining -= 1;
    }
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
