/** Time under control: what is to happen, in order. Nothing here asks the real clock. */
interface Entry {
  readonly at: number;
  readonly nth: number;
  readonly run: () => unknown;
}

export const START = Date.parse('2026-11-23T10:00:00Z');

export class Timeline {
  now = START;
  private readonly entries: Entry[] = [];
  private nth = 0;

  after(ms: number, run: () => unknown): void {
    const entry = { at: this.now + Math.max(0, Math.round(ms)), nth: this.nth++, run };
    let index = this.entries.length;
    while (index > 0 && isLater(this.entries[index - 1], entry)) index -= 1;
    this.entries.splice(index, 0, entry);
  }

  every(ms: number, run: () => unknown): void {
    this.after(ms, async () => {
      await run();
      this.every(ms, run);
    });
  }

  /** Runs what comes next. */
  async step(): Promise<void> {
    const entry = this.entries.shift();
    if (entry === undefined) throw new Error('nothing is to happen any more');
    this.now = entry.at;
    await entry.run();
  }
}

function isLater(one: Entry | undefined, other: Entry): boolean {
  return one !== undefined && (one.at > other.at || (one.at === other.at && one.nth > other.nth));
}
