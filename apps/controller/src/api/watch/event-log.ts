/** Reads the timelines of all hosts in order, for whoever watches. Events lie in Postgres: a watcher that was away misses none. */
import { firstIdAt, timeOf } from '../../common/ids.ts';
import { CHANGE_MS_MAX, type Database } from '../../db/database.ts';

export interface LoggedEvent {
  readonly id: string;
  readonly hostId: string;
  readonly at: Date;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** The host's state now. */
  readonly hostState: string;
}

/** The last line that a running job has for people. */
export interface ProgressLine {
  readonly jobId: string;
  readonly hostId: string;
  readonly at: Date;
  readonly kind: string;
  readonly progress: string;
}

/**
 * Ids are made before their transaction commits, so a lower one may appear after a higher one. No change takes longer than
 * `CHANGE_MS_MAX`: whoever looks this far back sees all.
 */
export const OVERLAP_MS = CHANGE_MS_MAX + 5_000;
/** Thousands of ids of one moment run ahead of it, by a millisecond for each four thousand (ids.ts). */
const IDS_AHEAD_MS = 1_000;
/** More than this at once is caught up page by page. */
export const PAGE = 500;

export class EventLog {
  constructor(private readonly database: Database) {}

  /** Ids of events since a moment. */
  async idsSince(since: Date): Promise<readonly string[]> {
    const { rows } = await this.database.pool.query<{ id: string }>(
      'SELECT id FROM host_event WHERE at >= $1 AND id >= $2 ORDER BY id',
      [since, firstIdAt(since.getTime())],
    );
    return rows.map(({ id }) => id);
  }

  async byIds(ids: readonly string[], since: Date): Promise<readonly LoggedEvent[]> {
    const { rows } = await this.database.pool.query<LoggedEvent>(
      `${SELECT} WHERE e.at >= $1 AND e.id = ANY($2::uuid[]) ORDER BY e.id`,
      [since, ids],
    );
    return rows;
  }

  /** The next page after an id. */
  async after(id: string): Promise<readonly LoggedEvent[]> {
    const { rows } = await this.database.pool.query<LoggedEvent>(
      `${SELECT} WHERE e.at >= $1 AND e.id > $2 ORDER BY e.id LIMIT ${PAGE}`,
      [new Date(timeOf(id) - IDS_AHEAD_MS), id],
    );
    return rows;
  }

  /** What running jobs of these hosts say now. */
  async progressOf(hostIds: readonly string[]): Promise<readonly ProgressLine[]> {
    const { rows } = await this.database.pool.query<ProgressLine>(
      `SELECT id AS "jobId", host_id AS "hostId", progress_at AS at, kind, progress FROM job
       WHERE host_id = ANY($1::uuid[]) AND state = 'leased' AND progress_at IS NOT NULL ORDER BY host_id, id`,
      [hostIds],
    );
    return rows;
  }

  /** Which of these tokens may not be used any more? */
  async revokedOf(tokenIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.database.pool.query<{ id: string }>(
      `SELECT t.id FROM unnest($1::uuid[]) AS t(id) LEFT JOIN api_token a ON a.id = t.id AND a.revoked_at IS NULL
       WHERE a.id IS NULL`,
      [tokenIds],
    );
    return new Set(rows.map(({ id }) => id));
  }
}

const SELECT = `
  SELECT e.id, e.host_id AS "hostId", e.at, e.kind, e.detail, s.state AS "hostState"
  FROM host_event e JOIN host_state s ON s.host_id = e.host_id`;
