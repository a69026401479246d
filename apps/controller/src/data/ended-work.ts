/**
 * An end of what is kept of plans, jobs, visits and rollouts that are over: a setting, in days. Once a day all of them are gone through in
 * the order of their making, a bounded step in each round of the plain timer; what may go goes with its audit row.
 */
import { Daily } from '../common/daily.ts';
import { firstIdAt } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { claim, ENDED_KINDS, type EndedKind, lookAt, removeFrom } from './ended-work-sql.ts';

const log = logger('history');
const DAY_MS = 86_400_000;
export const FIRST_ID = firstIdAt(0);

/** Where a pass is. */
interface Pass {
  readonly endedBefore: Date;
  /** Of `ENDED_KINDS`. */
  readonly kind: number;
  readonly afterId: string;
}

/** Rows that went, by what they were. */
type Removed = Readonly<Record<string, number>>;

export class EndedWork {
  private readonly daily = new Daily();
  private pass: Pass | null = null;

  constructor(
    private readonly database: Database,
    private readonly config: Pick<ControllerConfig, 'workDays'>,
  ) {}

  /** For the plain timer: one step of the day's pass. While the clock is not trusted there is none. true = the pass goes on. */
  async step(now: Date, mayRemove: boolean): Promise<boolean> {
    if (!mayRemove) this.pass = null;
    if (!mayRemove || (this.pass === null && !this.daily.isDue(now))) return false;
    this.pass = await this.next(this.pass ?? this.begin(now), now);
    if (this.pass === null) this.daily.done(now);
    return this.pass !== null;
  }

  /** Looks at the next rows of a kind and removes those that may go. The last of them; null when no more follow. */
  async stepOf(kind: EndedKind, afterId: string, endedBefore: Date, now: Date): Promise<string | null> {
    const values = [endedBefore, afterId, firstIdAt(endedBefore.getTime())];
    const rows = await this.database.look<{ id: string; goes: boolean }>(lookAt(kind), ...values);
    const ids = rows.filter(({ goes }) => goes).map(({ id }) => id);
    if (ids.length > 0) await this.remove(kind, ids, endedBefore, now);
    return rows.length < kind.atOnce ? null : (rows.at(-1)?.id ?? null);
  }

  private begin(now: Date): Pass {
    return { endedBefore: new Date(now.getTime() - this.config.workDays * DAY_MS), kind: 0, afterId: FIRST_ID };
  }

  private async next({ endedBefore, kind: index, afterId }: Pass, now: Date): Promise<Pass | null> {
    const kind = ENDED_KINDS[index];
    if (kind === undefined) return null;
    const last = await this.stepOf(kind, afterId, endedBefore, now);
    return last === null
      ? { endedBefore, kind: index + 1, afterId: FIRST_ID }
      : { endedBefore, kind: index, afterId: last };
  }

  /** Several controllers may do it at once: each row is removed by one of them. */
  private async remove(kind: EndedKind, looked: readonly string[], endedBefore: Date, at: Date): Promise<void> {
    const { siteId } = this.database;
    const removed = await this.database.transaction(async (tx) => {
      const rows = await tx.$queryRawUnsafe<{ id: string }[]>(claim(kind), endedBefore, looked);
      const ids = rows.map(({ id }) => id);
      if (ids.length === 0) return null;
      const counts: Record<string, number> = {};
      for (const { name, table, column } of [...kind.parts, { name: kind.name, table: kind.table, column: 'id' }])
        counts[name] = await tx.$executeRawUnsafe(removeFrom(table, column), ids);
      const after = { ...counts, keptDays: this.config.workDays, endedBefore: endedBefore.toISOString() };
      const what = {
        actor: 'system:history',
        action: 'history.remove',
        entity: 'history',
        entityId: kind.table,
        after,
      };
      await writeAudit(tx, { ...what, at, siteId });
      return counts;
    });
    if (removed !== null) log(`ended before ${endedBefore.toISOString()} and removed: ${textOf(removed)}`);
  }
}

function textOf(removed: Removed): string {
  return Object.entries(removed)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}
