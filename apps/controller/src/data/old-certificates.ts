/**
 * An end of what is kept of certificates that nobody can use any more: as long after their own end as of other work that is over, and
 * never the newest of a Mac, which says who it was. Renewals would add up without it.
 */
import { Daily } from '../common/daily.ts';
import type { ControllerConfig } from '../config/config.ts';
import { type Database, writeAudit } from '../db/database.ts';

const DAY_MS = 86_400_000;
const AT_ONCE = 500;

/** $1 ended before, $2 how many. */
const REMOVE = `
  DELETE FROM certificate WHERE serial IN (
    SELECT c.serial FROM certificate c
    WHERE c.not_after < $1::timestamptz AND EXISTS (
      SELECT 1 FROM certificate n WHERE n.host_id = c.host_id AND n.issued_at > c.issued_at)
    ORDER BY c.serial LIMIT $2::int FOR UPDATE OF c SKIP LOCKED)`;

export class OldCertificates {
  private readonly daily = new Daily();

  constructor(
    private readonly database: Database,
    private readonly config: Pick<ControllerConfig, 'workDays'>,
  ) {}

  /** For the plain timer; nothing goes while the clock is not trusted. */
  async sweepOnce(now: Date, mayRemove: boolean): Promise<void> {
    if (!mayRemove) return;
    await this.daily.run(now, async () => {
      while ((await this.remove(now)) === AT_ONCE);
    });
  }

  private remove(at: Date): Promise<number> {
    const { siteId } = this.database;
    const { workDays } = this.config;
    const endedBefore = new Date(at.getTime() - workDays * DAY_MS);
    return this.database.transaction(async (tx) => {
      const certificates = await tx.$executeRawUnsafe(REMOVE, endedBefore, AT_ONCE);
      if (certificates === 0) return 0;
      const after = { certificates, keptDays: workDays, endedBefore: endedBefore.toISOString() };
      const about = { entity: 'history', entityId: 'certificate', after, at, siteId };
      await writeAudit(tx, { actor: 'system:history', action: 'history.remove', ...about });
      return certificates;
    });
  }
}
