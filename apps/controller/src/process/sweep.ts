import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';

const log = logger('sweep');

export type SweepTask = (now: Date) => Promise<unknown>;

/** The plain timer that finds in Postgres whatever a lost wake-up left behind. Rounds never overlap; a failed task is tried again in the next. */
export class Sweep {
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly everyMs: number,
    private readonly clock: Clock,
    private readonly tasks: readonly SweepTask[],
  ) {}

  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.once().finally(() => this.start());
    }, this.everyMs);
  }

  /** Waits for the round under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.round;
  }

  private async once(): Promise<void> {
    for (const task of this.tasks) await task(this.clock.now()).catch((error: unknown) => log(String(error)));
  }
}
