/** The statements of a check-in with nothing new, reviewed as SQL. */

/** $1 now, then lists: $2 hosts, $3 sessions, $4 boot ordinals, $5 sequences. */
const touch = (locking: string) => `
  WITH asked AS (
    SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::int[], $5::bigint[]) AS a(host_id, session, boot_ordinal, sequence)),
  free AS MATERIALIZED (
    SELECT r.host_id, r.facts_sha256 FROM host_report r WHERE r.host_id = ANY($2::uuid[]) ORDER BY r.host_id ${locking}),
  moved AS (
    UPDATE host_report r SET boot_ordinal = a.boot_ordinal, sequence = a.sequence, last_seen_at = $1::timestamptz
    FROM asked a JOIN free ON free.host_id = a.host_id
    WHERE r.host_id = a.host_id AND r.session_number = a.session
      AND (r.boot_ordinal, r.sequence) < (a.boot_ordinal, a.sequence))
  SELECT free.host_id AS "hostId", free.facts_sha256 AS "factsSha256", s.presence
  FROM free JOIN host_state s ON s.host_id = free.host_id`;

/** Gives what we hold also when the position is not newer, so that a repeated check-in gets the same answer. */
export const TOUCH = {
  /** Rows that somebody else holds are left out. */
  atOnce: { name: 'touch_hosts', text: touch('FOR UPDATE SKIP LOCKED') },
  /** For one host. */
  waiting: { name: 'touch_host', text: touch('FOR UPDATE') },
} as const;

/** $1 hosts, $2 now. One that is locked is being evaluated, or marked, by somebody else; the timer looks again. */
export const HEARD_AGAIN = `
  UPDATE host_state s SET due_at = $2::timestamptz FROM (
    SELECT host_id FROM host_state WHERE host_id = ANY($1::uuid[]) AND presence <> 'online' AND due_at IS NULL
    ORDER BY host_id FOR UPDATE SKIP LOCKED) away
  WHERE s.host_id = away.host_id RETURNING s.host_id AS "hostId"`;
