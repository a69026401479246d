/** As long as a machine may need to learn the right time after its start, and somebody to notice that it has a wrong one. */
export const SETTLE_MS = 6 * 3_600_000;
/** Between two looks. A clock that is set right little by little never comes near it. */
const JUMP_MS = 5 * 60_000;

/**
 * May what is old be removed for good? A clock that jumps ahead by months makes everything old. So nothing is, before the clock has
 * gone on evenly for some hours since the start of this process and since each jump; a machine that slept counts as one.
 */
export class ClockTrust {
  private ahead: number | null = null;
  private evenSince = 0;

  /** `elapsed` in ms, by a clock that nobody can set. */
  constructor(private readonly elapsed: () => number = () => performance.now()) {}

  /** Ask it in every round of the plain timer: what lies between two looks is compared. */
  isSettled(now: Date): boolean {
    const elapsed = this.elapsed();
    const ahead = now.getTime() - elapsed;
    if (this.ahead === null || Math.abs(ahead - this.ahead) > JUMP_MS) this.evenSince = elapsed;
    this.ahead = ahead;
    return elapsed - this.evenSince >= SETTLE_MS;
  }
}
