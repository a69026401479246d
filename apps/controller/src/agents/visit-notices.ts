/** What an agent is told of the visit to its Mac: that it shall be drained, from the wish for it until the visit is over. */
import type { VisitNotice } from '@headroom/proto';
import { Database } from '../db/database.ts';

/** $1 host. */
const DRAINED = `
  SELECT id::text AS "visitId", kind FROM visit
  WHERE host_id = $1 AND state IN ('due', 'open') AND drain_at IS NOT NULL`;

export class VisitNotices {
  constructor(private readonly database: Database) {}

  /** undefined = nothing is to be told. */
  async of(hostId: string): Promise<VisitNotice | undefined> {
    const { rows } = await this.database.pool.query<Omit<VisitNotice, 'phase'>>(DRAINED, [hostId]);
    const [visit] = rows;
    return visit === undefined ? undefined : { ...visit, phase: 'drain' };
  }
}
