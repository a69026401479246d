import { setTimeout as sleep } from 'node:timers/promises';

export interface Closable {
  close(): Promise<void>;
}

/** Opens it whole or throws, within a bounded time. Calls `broken` as soon as what it opened is of no use any more. */
export type Open<T> = (broken: (error: Error) => void) => Promise<T>;

const FIRST_MS = 250;
const LONGEST_MS = 5_000;
const CLOSE_MS = 15_000;

/**
 * Keeps one connection to something that may go away. After any error the old one is closed and a new one is opened, with
 * growing pauses, for ever; the log says once that it is away and once that it is back.
 */
export class KeptOpen<T extends Closable> {
  private held: T | null = null;
  private retrying: Promise<void> = Promise.resolve();
  private isAway = false;
  private readonly stopped = new AbortController();

  constructor(
    private readonly name: string,
    /** What goes on without it, for the log. */
    private readonly meanwhile: string,
    private readonly open: Open<T>,
    private readonly log: (message: string) => void,
  ) {}

  /** What is open now; null while it is away. */
  get current(): T | null {
    return this.held;
  }

  /** Tries once. When that fails it goes on trying, and whoever asked goes on without. */
  async start(): Promise<void> {
    await this.startOrThrow().catch((error: unknown) => {
      this.away(error);
      this.retrying = this.retry();
    });
  }

  async startOrThrow(): Promise<void> {
    this.held = await this.openOne();
  }

  async close(): Promise<void> {
    this.stopped.abort();
    const { held } = this;
    this.held = null;
    if (held !== null) await closeQuietly(held);
    await this.retrying;
  }

  private async openOne(): Promise<T> {
    const attempt: { opened: T | null; failure: Error | null } = { opened: null, failure: null };
    const opened = await this.open((error) => {
      attempt.failure ??= error;
      if (attempt.opened !== null && this.held === attempt.opened) this.leave(attempt.opened, error);
    });
    if (attempt.failure === null && !this.stopped.signal.aborted) {
      attempt.opened = opened;
      return opened;
    }
    await closeQuietly(opened);
    throw attempt.failure ?? new Error('stopped');
  }

  private leave(opened: T, error: Error): void {
    this.held = null;
    this.away(error);
    this.retrying = closeQuietly(opened).then(() => this.retry());
  }

  private async retry(): Promise<void> {
    const { signal } = this.stopped;
    for (let pause = FIRST_MS; !signal.aborted; pause = Math.min(pause * 2, LONGEST_MS)) {
      await sleep(pause / 2 + (Math.random() * pause) / 2, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        this.held = await this.openOne();
        this.isAway = false;
        this.log(`${this.name} is back`);
        return;
      } catch {
        // Said already, once.
      }
    }
  }

  private away(error: unknown): void {
    if (this.isAway || this.stopped.signal.aborted) return;
    this.isAway = true;
    const reason = error instanceof Error ? error.message || error.name : String(error);
    this.log(`${this.name} is away (${reason}); ${this.meanwhile}`);
  }
}

/** Rejects when `work` takes longer than this; what becomes of it then is nobody's concern. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function closeQuietly(one: Closable): Promise<void> {
  // What is left behind is broken already; its complaints help nobody.
  await within(CLOSE_MS, 'close', one.close()).catch(() => {});
}
