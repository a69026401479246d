/** Parts of the sweep, and which of them fail: each on its own, so that one that fails starves no other, and is seen by its name. */
import { logger } from './log.ts';

const log = logger('sweep');

export interface SweepPart {
  readonly name: string;
  readonly run: (now: Date) => Promise<unknown>;
}

export interface FailingPart {
  readonly part: string;
  /** Of the first round of those in a row. */
  readonly since: Date;
  /** Rounds in a row. */
  readonly rounds: number;
}

/** Once may be a race between two controllers; so often in a row it is not. */
const ROUNDS_TOLD = 3;
/** What lasts is said again after so many rounds. */
const ROUNDS_BETWEEN_LINES = 30;

/** Kept by this process about itself: another controller may sweep well where this one fails. */
export class SweepHealth {
  private readonly byPart = new Map<string, FailingPart | null>();

  /** Each part in turn; what a part throws is its own affair. */
  async round(parts: readonly SweepPart[], clock: { now(): Date }): Promise<void> {
    for (const { name, run } of parts) {
      const now = clock.now();
      await run(now).then(
        () => this.succeeded(name),
        (error: unknown) => this.failed(name, error, now),
      );
    }
  }

  /** Rounds in a row that each part has failed; 0 = it works. */
  rounds(): readonly (readonly [part: string, rounds: number])[] {
    return [...this.byPart].map(([part, failing]) => [part, failing?.rounds ?? 0]);
  }

  /** What keeps failing. */
  failing(): readonly FailingPart[] {
    return [...this.byPart.values()].filter((one) => one !== null && one.rounds >= ROUNDS_TOLD) as FailingPart[];
  }

  private succeeded(part: string): void {
    const before = this.byPart.get(part);
    this.byPart.set(part, null);
    if (before) log(`${part} works again, after ${before.rounds} failed rounds`);
  }

  private failed(part: string, error: unknown, now: Date): void {
    const { since = now, rounds = 0 } = this.byPart.get(part) ?? {};
    this.byPart.set(part, { part, since, rounds: rounds + 1 });
    if (rounds % ROUNDS_BETWEEN_LINES === 0) log(`${part} failed, round ${rounds + 1} in a row: ${String(error)}`);
  }
}
