const DAY_MS = 86_400_000;
const RETRY_MS = 60_000;

/** What is to be done once a day by the plain timer: at once after a start, and a minute later when it failed. */
export class Daily {
  private nextAt = 0;

  /** A clock that was set back far must not put it off until the old time comes again. */
  isDue(now: Date): boolean {
    return now.getTime() >= this.nextAt || this.nextAt - now.getTime() > DAY_MS;
  }

  done(now: Date): void {
    this.nextAt = now.getTime() + DAY_MS;
  }

  async run(now: Date, work: () => Promise<unknown>): Promise<void> {
    if (!this.isDue(now)) return;
    this.nextAt = now.getTime() + RETRY_MS;
    await work();
    this.done(now);
  }
}
