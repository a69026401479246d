/**
 * How many jobs ended since this process began, by how: a counter that costs what happened since the last look, however many jobs are
 * kept. It reads the timeline, in which every end of a job has one line.
 */
import { firstIdAt } from '../common/ids.ts';
import { CHANGE_MS_MAX, type Database } from '../db/database.ts';
import { JOB_STATES, OPEN_STATES } from './job-life.ts';

/** A line may become visible so long after its time. */
const LATE_MS = CHANGE_MS_MAX + 5_000;
/** Thousands of ids of one moment run ahead of it (ids.ts): the times decide, the ids only narrow. */
const IDS_AHEAD_MS = 1_000;
/** Nobody asked for so long: it is counted all the same, so that the next look is short too. */
const UNASKED_MS = 10 * 60_000;

/** $1 from, $2 until, $3 and $4 the first ids of these moments. */
const ENDED = `
  SELECT CASE kind WHEN 'step.finished' THEN 'succeeded' WHEN 'step.cancelled' THEN 'cancelled' ELSE detail ->> 'state' END AS state,
    count(*)::int AS count
  FROM host_event
  WHERE at >= $1::timestamptz AND at < $2::timestamptz AND id >= $3::uuid AND id < $4::uuid
    AND kind IN ('step.finished', 'step.cancelled', 'step.failed')
  GROUP BY 1`;

const END_STATES = JOB_STATES.filter((state) => !OPEN_STATES.includes(state));

export class EndedTally {
  private readonly counts = new Map<string, number>(END_STATES.map((state) => [state, 0]));
  private until: Date;
  private counting: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Pick<Database, 'look'>,
    now: Date,
  ) {
    this.until = now;
  }

  /** Of the whole fleet, up to some seconds ago. */
  async read(now: Date): Promise<readonly (readonly [state: string, count: number])[]> {
    const count = this.counting.then(() => this.count(now));
    // One after the other, so that nothing is counted twice.
    this.counting = count.catch(() => {});
    await count;
    return [...this.counts];
  }

  /** For the plain timer. */
  async keepUp(now: Date): Promise<void> {
    if (Math.abs(now.getTime() - this.until.getTime()) > UNASKED_MS) await this.read(now);
  }

  private async count(now: Date): Promise<void> {
    const until = new Date(now.getTime() - LATE_MS);
    const from = this.until;
    if (until > from) {
      const ids = [firstIdAt(from.getTime()), firstIdAt(until.getTime() + IDS_AHEAD_MS)];
      const rows = await this.database.look<{ state: string; count: number }>(ENDED, from, until, ...ids);
      for (const { state, count } of rows) this.counts.set(state, (this.counts.get(state) ?? 0) + count);
      this.until = until;
      return;
    }
    // The clock was set back: what comes is counted from there.
    if (from.getTime() - until.getTime() > UNASKED_MS) this.until = until;
  }
}
