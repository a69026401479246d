/**
 * Postgres keeps for the watch how each flip of intents found things: which Macs it opened, and all targets as they were right before.
 * Between two looks of a test many decisions are made, and what was true at each is gone at the next.
 */
import type { TargetState } from '@headroom/core';
import type pg from 'pg';
import { type TargetRow } from './rows.ts';

const KEEP_FLIPS = `
  CREATE TABLE watched_flip (nth serial PRIMARY KEY, rollout_id uuid, host_ids text[], before jsonb);
  CREATE FUNCTION keep_flip() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO watched_flip (rollout_id, host_ids, before)
    SELECT n.rollout_id, array_agg(n.host_id::text), (SELECT jsonb_agg(b) FROM (
        SELECT * FROM was UNION ALL SELECT * FROM rollout_target t
        WHERE NOT EXISTS (SELECT 1 FROM was w WHERE w.rollout_id = t.rollout_id AND w.host_id = t.host_id)) b)
    FROM became n JOIN was o ON o.rollout_id = n.rollout_id AND o.host_id = n.host_id
    WHERE n.state = 'opened' AND o.state <> 'opened' GROUP BY n.rollout_id;
    RETURN NULL;
  END $$;
  CREATE TRIGGER keep_flip AFTER UPDATE ON rollout_target REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION keep_flip()`;

export interface Flip {
  readonly nth: number;
  readonly rolloutId: string;
  readonly hostIds: readonly string[];
  readonly before: TargetRow[];
}

interface StoredTarget {
  readonly rollout_id: string;
  readonly host_id: string;
  readonly ring: number;
  readonly state: TargetState;
  readonly reason: string | null;
  readonly opened_at: string | null;
  readonly ended_at: string | null;
  readonly noted_at: string | null;
}

/** From now on. */
export async function keepFlips(pool: pg.Pool): Promise<void> {
  await pool.query(KEEP_FLIPS);
}

export async function flipsSince(pool: pg.Pool, seen: number): Promise<readonly Flip[]> {
  const { rows } = await pool.query<Omit<Flip, 'before'> & { readonly before: readonly StoredTarget[] }>(
    'SELECT nth, rollout_id AS "rolloutId", host_ids AS "hostIds", before FROM watched_flip WHERE nth > $1 ORDER BY nth',
    [seen],
  );
  return rows.map((flip) => ({ ...flip, before: flip.before.map(targetRow) }));
}

function targetRow({
  rollout_id,
  host_id,
  opened_at,
  ended_at,
  noted_at,
  ring,
  state,
  reason,
}: StoredTarget): TargetRow {
  const time = (at: string | null) => (at === null ? null : new Date(at));
  return {
    ...{ rolloutId: rollout_id, hostId: host_id, ring, state, reason },
    ...{ openedAt: time(opened_at), endedAt: time(ended_at), notedAt: time(noted_at) ?? new Date(0) },
  };
}
