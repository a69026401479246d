/** As long as a machine may need to learn the right time after its start, and somebody to notice that it has a wrong one. */
export const SETTLE_MS = 6 * 3_600_000;
/** A service that sets the clock undoes its own mistake, or that of a machine that was asleep, within minutes. */
const JUMP_SETTLE_MS = 15 * 60_000;
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
  constructor(
    private readonly elapsed: () => number = () => performance.now(),
    private readonly settleMs = SETTLE_MS,
    private readonly isTrustedAtStart = false,
  ) {}

  /**
   * For what time ends and people can begin anew: it waits only after a jump that this process saw. A clock that jumps ahead and back
   * would else end every consent of the fleet.
   */
  static ofJumps(elapsed?: () => number): ClockTrust {
    return new ClockTrust(elapsed, JUMP_SETTLE_MS, true);
  }

  /** Ask it in every round of the plain timer: what lies between two looks is compared. */
  isSettled(now: Date): boolean {
    const elapsed = this.elapsed();
    const ahead = now.getTime() - elapsed;
    if (this.ahead === null) this.evenSince = this.isTrustedAtStart ? Number.NEGATIVE_INFINITY : elapsed;
    else if (Math.abs(ahead - this.ahead) > JUMP_MS) this.evenSince = elapsed;
    this.ahead = ahead;
    return elapsed - this.evenSince >= this.settleMs;
  }
}
