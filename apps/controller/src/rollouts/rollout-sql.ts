/** SQL of the rollout engine. `$1`… are named beside each statement; time always comes as a parameter. */

/**
 * $1 now. Running rollouts that may move: never decided, time has come, or a target changed since. Whoever commits a
 * change late tells this controller of it; should it die before, the review is never far away.
 */
export const DUE_ROLLOUTS = `
  SELECT r.id::text AS id FROM rollout r WHERE r.state = 'running' AND (
    r.decided_at IS NULL OR r.review_at IS NULL OR r.review_at <= $1::timestamptz
    OR EXISTS (SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.noted_at >= r.decided_at))
  ORDER BY r.id`;

/** $1 rollout. One writer at a time decides. */
const RUNNING_ROLLOUT = `
  SELECT id::text AS id, revision_id::text AS "revisionId", state, strategy, gates_opened AS "gatesOpened", created_by AS "createdBy",
    review_at AS "reviewAt", state_reason AS "stateReason"
  FROM rollout WHERE id = $1::uuid AND state = 'running' FOR UPDATE`;

/** One that is locked is being decided by another controller. */
export const LOCK_ROLLOUT = `${RUNNING_ROLLOUT} SKIP LOCKED`;

/** For one with news: a decision under way may have counted its targets before. */
export const AWAIT_ROLLOUT = RUNNING_ROLLOUT;

/**
 * $1 rollout, $2 are KDK builds asked for, $3 stock? Targets as they are counted: what each waits for, and since when. Where a Mac stands
 * is said by its place; those of which nobody said it count as one site. A Mac fetches a KDK when neither that nor a kernel collection
 * for its build lies there, whatever its state is called: one that was taken back, or drifted, fetches it as a new one does.
 */
export const COUNTED_TARGETS = `
  SELECT t.host_id::text AS "hostId", t.ring, t.state, COALESCE(p.location, '') AS site, t.ended_at AS "endedAt", t.opened_at AS "openedAt",
    CASE WHEN $2::boolean AND q.quota > $3::int AND t.state IN ('pending', 'opened')
      AND NOT (r.facts -> 'kdks' @> jsonb_build_array(jsonb_build_object('build', r.facts #> '{os,baseBuild}', 'complete', true)))
      AND NOT (r.facts -> 'kernelCollections' @> jsonb_build_array(jsonb_build_object('build', r.facts #> '{os,baseBuild}')))
      THEN r.facts #>> '{os,baseBuild}' END AS "kdkBuild",
    CASE WHEN v.id IS NOT NULL THEN 'visit'
      WHEN s.state = 'raised' AND q.quota > $3::int AND o.strategy ->> 'success' = 'witnessed' THEN 'witness' ELSE 'work' END AS phase,
    GREATEST(t.opened_at, CASE WHEN v.id IS NULL THEN s.state_since ELSE v.created_at END) AS "phaseSince"
  FROM rollout_target t JOIN rollout o ON o.id = t.rollout_id LEFT JOIN policy_revision q ON q.id = o.revision_id
    LEFT JOIN host_state s ON s.host_id = t.host_id LEFT JOIN host_report r ON r.host_id = t.host_id
    LEFT JOIN host_place p ON p.host_id = t.host_id LEFT JOIN visit v ON v.host_id = t.host_id AND v.state IN ('due', 'open') AND t.state = 'opened'
  WHERE t.rollout_id = $1::uuid`;

/** A newer rollout, which no person took this Mac out of, is or was for the target `t`. */
const HAS_NEWER = `EXISTS (
    SELECT 1 FROM rollout_target n WHERE n.host_id = t.host_id AND n.rollout_id > t.rollout_id
      AND n.state NOT IN ('superseded', 'skipped'))`;

/** $1 rollout, $2 reason, $3 now. Hosts of a rollout confirmed late that a newer one has taken since. */
export const YIELD_TO_NEWER = `
  UPDATE rollout_target t SET state = 'superseded', reason = $2, ended_at = $3::timestamptz, noted_at = $3::timestamptz
  WHERE t.rollout_id = $1::uuid AND t.state = 'pending' AND ${HAS_NEWER}`;

/** $1 rollout, $2 now. What failed waits for its turn again; what a newer rollout wants is never taken back by an older one. */
export const RETRY_TARGETS = `
  UPDATE rollout_target r SET state = 'pending', reason = NULL, opened_at = NULL, ended_at = NULL, noted_at = $2::timestamptz
  FROM (
    SELECT t.rollout_id, t.host_id FROM rollout_target t
    WHERE t.rollout_id = $1::uuid AND t.state IN ('failed', 'stuck') AND NOT ${HAS_NEWER}
      AND EXISTS (SELECT 1 FROM host h WHERE h.id = t.host_id AND h.retired_at IS NULL)
    ORDER BY t.host_id FOR UPDATE OF t) again
  WHERE r.rollout_id = again.rollout_id AND r.host_id = again.host_id`;

/**
 * $1 now. Rollouts that wait for a person and lost every Mac that was left, just now. One that got somewhere before is finished, so that
 * what failed in it can still be tried again.
 */
export const END_EMPTIED = `
  UPDATE rollout r SET state_reason = NULL, finished_at = $1::timestamptz, state = CASE WHEN EXISTS (
      SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.state NOT IN ('superseded', 'skipped'))
    THEN 'finished' ELSE 'superseded' END
  WHERE r.state IN ('waiting_for_confirmation', 'paused', 'halted')
    AND EXISTS (SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.state IN ('superseded', 'skipped')
      AND t.noted_at = $1::timestamptz)
    AND NOT EXISTS (SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.state IN ('pending', 'opened'))
  RETURNING r.id::text AS id, r.revision_id::text AS "revisionId", r.state, r.state_reason AS "stateReason"`;

/**
 * $1 hosts, $2 rollout. Those that a newer one is or was for: an older one takes none of them, as it would undo what was decided since. And
 * those that wait for their turn in an older one that is not over: it may have been stopped by a person, who means them too.
 */
export const IN_ANOTHER = `
  SELECT t.host_id::text AS "hostId" FROM unnest($1::uuid[]) AS h(host_id), LATERAL (SELECT h.host_id, $2::uuid AS rollout_id) t
  WHERE ${HAS_NEWER} OR EXISTS (
    SELECT 1 FROM rollout_target o JOIN rollout r ON r.id = o.rollout_id
    WHERE o.host_id = t.host_id AND o.rollout_id < t.rollout_id AND o.state = 'pending'
      AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation'))`;

export const NEWEST_ROLLOUT = `SELECT r.id::text AS id FROM rollout r ORDER BY r.id DESC LIMIT 1`;

/** $1 JSON [{host_id, ring}], $2 rollout, $3 site, $4 state, $5 reason, $6 now. */
export const ADD_TARGETS = `
  INSERT INTO rollout_target (rollout_id, host_id, site_id, ring, state, reason, noted_at)
  SELECT $2::uuid, v.host_id, $3::uuid, v.ring, $4::text, $5::text, $6::timestamptz
  FROM jsonb_to_recordset($1::jsonb) AS v(host_id uuid, ring int) ORDER BY v.host_id
  ON CONFLICT (rollout_id, host_id) DO NOTHING`;

/** $1 rollout, $2 JSON [{host_id, reason}], $3 now. */
export const MARK_STUCK = `
  UPDATE rollout_target t SET state = 'stuck', reason = v.reason, ended_at = $3::timestamptz, noted_at = $3::timestamptz
  FROM jsonb_to_recordset($2::jsonb) AS v(host_id uuid, reason text)
  WHERE t.rollout_id = $1::uuid AND t.host_id = v.host_id AND t.state = 'opened'`;

/**
 * What a newer rollout takes from an older one `r`: its target `t`, unless that has ended well or was taken out. One that failed, too, while
 * the older one goes on: it could not be tried again there, and would count against it for ever.
 */
const IS_TAKEN = `(t.state IN ('pending', 'opened', 'stuck')
    OR (t.state = 'failed' AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation')))`;

/** $1 hosts, as the evaluator locks them too. */
export const LOCK_STATES = `
  SELECT host_id FROM host_state WHERE host_id = ANY($1::uuid[]) ORDER BY host_id FOR UPDATE`;

/** $1 hosts. Every target of theirs, in any rollout, that somebody may still change. */
export const LOCK_LIVE = `
  SELECT count(*) FROM (
    SELECT 1 FROM rollout_target WHERE host_id = ANY($1::uuid[]) AND state IN ('pending', 'opened', 'stuck', 'failed')
    ORDER BY host_id, rollout_id FOR UPDATE) locked`;

/** $1 rollout, $2 hosts, locked. Of these, the ones that nobody flipped or superseded meanwhile. */
export const STILL_PENDING = `
  SELECT host_id::text AS "hostId" FROM rollout_target
  WHERE rollout_id = $1::uuid AND host_id = ANY($2::uuid[]) AND state = 'pending' ORDER BY host_id`;

/** $1 JSON [{host_id, grant_id}], $2 site, $3 revision, $4 quota, $5 extra args, $6 rollout, $7 now. */
export const FLIP_INTENTS = `
  INSERT INTO intent (host_id, site_id, number, revision_id, quota, extra_args, grant_id, rollout_id, set_at)
  SELECT v.host_id, $2::uuid, 1, $3::uuid, $4::int, $5::text[], v.grant_id, $6::uuid, $7::timestamptz
  FROM jsonb_to_recordset($1::jsonb) AS v(host_id uuid, grant_id uuid)
  ORDER BY v.host_id
  ON CONFLICT (host_id) DO UPDATE SET
    number = intent.number + 1, revision_id = excluded.revision_id, quota = excluded.quota,
    extra_args = excluded.extra_args, grant_id = excluded.grant_id, rollout_id = excluded.rollout_id,
    set_at = excluded.set_at
  RETURNING host_id::text AS "hostId", number`;

/** $1 hosts, locked, $2 the newer rollout, $3 reason, $4 now. One live rollout for each host: older ones lose the hosts of a newer one. */
export const SUPERSEDE_OLDER = `
  UPDATE rollout_target t SET state = 'superseded', reason = $3, ended_at = $4::timestamptz, noted_at = $4::timestamptz
  FROM rollout r WHERE r.id = t.rollout_id AND t.host_id = ANY($1::uuid[]) AND t.rollout_id < $2::uuid AND ${IS_TAKEN}`;

/** $1 JSON [{rollout_id, host_id, state, reason, moves}], $2 now. A Mac that was given up may still come through. */
export const NOTE_TARGETS = `
  UPDATE rollout_target t SET
    state = v.state, reason = v.reason, noted_at = CASE WHEN v.moves THEN $2::timestamptz ELSE t.noted_at END,
    ended_at = CASE WHEN v.state = 'opened' THEN NULL ELSE $2::timestamptz END
  FROM (
    SELECT n.* FROM jsonb_to_recordset($1::jsonb) AS n(rollout_id uuid, host_id uuid, state text, reason text, moves boolean)
      JOIN rollout_target l ON l.rollout_id = n.rollout_id AND l.host_id = n.host_id
    ORDER BY l.host_id, l.rollout_id FOR UPDATE OF l) v
  WHERE t.rollout_id = v.rollout_id AND t.host_id = v.host_id
    AND (t.state = 'opened' OR (t.state IN ('stuck', 'failed') AND v.state = 'succeeded'))`;

/** $1 hosts. Targets that an evaluation may end, with what their rollout counts as success. */
export const NOTABLE_TARGETS = `
  SELECT t.rollout_id::text AS "rolloutId", t.host_id::text AS "hostId", t.state, t.reason,
    COALESCE(r.strategy ->> 'success', 'raised') AS success,
    r.strategy #>> '{concurrency,perKdk}' IS NOT NULL AS "countsKdks"
  FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
  WHERE t.host_id = ANY($1::uuid[]) AND t.state IN ('opened', 'stuck', 'failed')`;
