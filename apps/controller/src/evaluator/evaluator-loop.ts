import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { JobQueue } from '../queue/queue.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import type { Evaluator } from './evaluator.ts';

const log = logger('evaluator');
/** Wake-ups that come together are one run. */
const COALESCE_MS = 15;
const WORK_ID = 'fleet';

/**
 * Runs the evaluator when something is due. Wake-ups travel through the queue and may be lost; `sweepOnce`, called by a plain
 * timer, finds in Postgres whatever they missed.
 */
export class EvaluatorLoop {
  private readonly unsubscribe: () => void;
  private timer: NodeJS.Timeout | null = null;

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
    while ((await this.evaluator.runBatch(this.clock.now())) > 0);
    await this.rollouts.finishEnded(this.clock.now());
  }

  /** Everything that a lost wake-up could have left behind. */
  async sweepOnce(now: Date): Promise<void> {
    await this.rollouts.openPending(now);
    await this.evaluator.markReturned(now);
    await this.drain();
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.queue.add('evaluate', WORK_ID).catch((error: unknown) => log(`wake-up lost: ${String(error)}`));
    }, COALESCE_MS);
  }
}
