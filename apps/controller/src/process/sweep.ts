import type { Clock } from '../common/clock.ts';
import type { SweepHealth, SweepPart } from '../common/sweep-parts.ts';

/** The plain timer that finds in Postgres whatever a lost wake-up left behind. Rounds never overlap; a part that failed is tried again in the next. */
export class Sweep {
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly everyMs: number,
    private readonly clock: Clock,
    private readonly parts: readonly SweepPart[],
    private readonly health: SweepHealth,
  ) {}

  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.health.round(this.parts, this.clock).finally(() => this.start());
    }, this.everyMs);
  }

  /** Waits for the round under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.round;
  }
}
