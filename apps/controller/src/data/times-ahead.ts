/**
 * What a controller with a clock that ran ahead left behind: times to come until which nothing would be done, looked at or given up,
 * perhaps for years. They are brought to now once the clock is trusted again: right after a start, or a jump back, it may as well be the
 * clock that is behind, and what is right would be made old. What only tells when something happened stays as it was written.
 */
import { logger } from '../common/log.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { ANY_AHEAD, BRING_BACK } from './times-ahead-sql.ts';

const log = logger('clock');
/** Leases and pauses of jobs reach an hour ahead, another controller's clock may differ a little. */
const AHEAD_MS = 2 * 3_600_000;

export class TimesAhead {
  private isLookedFor = false;

  constructor(private readonly database: Database) {}

  /** For the plain timer, before its other parts: looks once each time that the clock begins to be trusted. */
  async sweepOnce(now: Date, isTrusted: boolean): Promise<void> {
    if (isTrusted && !this.isLookedFor) {
      const ahead = await this.database.look(ANY_AHEAD, new Date(now.getTime() + AHEAD_MS));
      if (ahead.length > 0) await this.bringBack(now);
    }
    this.isLookedFor = isTrusted;
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
