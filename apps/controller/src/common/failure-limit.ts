/** Slows down a source that keeps failing, for the rest of a minute. Successes are not counted. */
const WINDOW_MS = 60_000;
/** Sources remembered at once: what an attacker with many addresses can make us hold. */
const SOURCES_MAX = 10_000;

export class FailureLimit {
  private readonly sources = new Map<string, { failures: number; until: number }>();

  constructor(private readonly failuresMax: number) {}

  allows(source: string, now: number): boolean {
    const entry = this.sources.get(source);
    return entry === undefined || entry.until <= now || entry.failures < this.failuresMax;
  }

  failed(source: string, now: number): void {
    const entry = this.sources.get(source);
    if (entry !== undefined && entry.until > now) {
      entry.failures += 1;
      return;
    }
    if (this.sources.size >= SOURCES_MAX) this.forgetEnded(now);
    this.sources.set(source, { failures: 1, until: now + WINDOW_MS });
  }

  private forgetEnded(now: number): void {
    for (const [source, { until }] of this.sources) if (until <= now) this.sources.delete(source);
    if (this.sources.size >= SOURCES_MAX) this.sources.clear();
  }
}
