/**
 * What a controller with a clock that ran ahead left behind: times to come until which nothing would be done, looked at or given up,
 * perhaps for years. Found after a start and whenever the clock was set back, and brought to now. What only tells when something
 * happened stays as it was written.
 */
import { logger } from '../common/log.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { ANY_AHEAD, BRING_BACK } from './times-ahead-sql.ts';

const log = logger('clock');
/** Leases and pauses of jobs reach an hour ahead, another controller's clock may differ a little. */
const AHEAD_MS = 2 * 3_600_000;
const SET_BACK_MS = 5 * 60_000;

export class TimesAhead {
  /** Null = not looked yet. */
  private lastAt: Date | null = null;

  constructor(private readonly database: Database) {}

  /** For the plain timer, before its other parts. */
  async sweepOnce(now: Date): Promise<void> {
    const isSetBack = this.lastAt === null || now.getTime() < this.lastAt.getTime() - SET_BACK_MS;
    if (isSetBack && (await this.database.look(ANY_AHEAD, new Date(now.getTime() + AHEAD_MS))).length > 0)
      await this.bringBack(now);
    this.lastAt = now;
  }

  private async bringBack(now: Date): Promise<void> {
    const { siteId, fleetId } = this.database;
    const ahead = new Date(now.getTime() + AHEAD_MS);
    const after = await this.database.transaction(async (tx) => {
      const counts: Record<string, number> = {};
      for (const [what, sql] of BRING_BACK) counts[what] = await tx.$executeRawUnsafe(sql, now, ahead);
      const about = { entity: 'fleet', entityId: fleetId, after: counts, at: now, siteId };
      await writeAudit(tx, { actor: 'system:clock', action: 'clock.set_back', ...about });
      return counts;
    });
    log(`the clock ran ahead and was set back; times to come were brought to now: ${JSON.stringify(after)}`);
  }
}
