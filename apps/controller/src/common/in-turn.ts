import { within } from './kept-open.ts';

/** Lets work that would wait for the same row wait here instead, one after the other by key, without a connection in its hands. */
export class InTurn {
  private readonly last = new Map<string, Promise<unknown>>();

  /** `turnMsMax`: a turn is over after so long, though its work may never end; then its row alone keeps the order. */
  constructor(private readonly turnMsMax: number | null = null) {}

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const ended = before.then(() => this.turnOf(mine)).catch(() => {});
    this.last.set(key, ended);
    void ended.then(() => {
      if (this.last.get(key) === ended) this.last.delete(key);
    });
    return mine;
  }

  private turnOf<T>(work: Promise<T>): Promise<T> {
    return this.turnMsMax === null ? work : within(this.turnMsMax, 'a turn', work);
  }
}
