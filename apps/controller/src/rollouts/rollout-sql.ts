/** SQL of the rollout engine. `$1`… are named beside each statement; time always comes as a parameter. */

/** $1 rollout. Hosts whose intent is not flipped yet, in host order. */
export const PENDING_TARGETS = `
  SELECT host_id::text AS "hostId" FROM rollout_target
  WHERE rollout_id = $1::uuid AND state = 'pending'
  ORDER BY host_id LIMIT 200`;

/** $1 hosts. Locks in host order, states first: the evaluator does the same, so neither waits for the other in a circle. */
export const LOCK_STATES = `
  SELECT host_id FROM host_state WHERE host_id = ANY($1::uuid[]) ORDER BY host_id FOR UPDATE`;

/** $1 rollout, $2 hosts. Of these, the ones that nobody flipped or superseded meanwhile. */
export const LOCK_TARGETS = `
  SELECT host_id::text AS "hostId" FROM rollout_target
  WHERE rollout_id = $1::uuid AND host_id = ANY($2::uuid[]) AND state = 'pending'
  ORDER BY host_id FOR UPDATE`;

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

/** $1 hosts, $2 the newer rollout, $3 reason, $4 now. What is opened was flipped before; what is pending only if it is older. */
export const SUPERSEDE_OLDER = `
  UPDATE rollout_target SET state = 'superseded', reason = $3, ended_at = $4::timestamptz
  WHERE host_id = ANY($1::uuid[]) AND rollout_id <> $2::uuid
    AND (state = 'opened' OR (state = 'pending' AND rollout_id < $2::uuid))`;

/** $1 JSON [{rollout_id, host_id, state, reason}], $2 now. */
export const NOTE_TARGETS = `
  UPDATE rollout_target t SET
    state = v.state, reason = v.reason,
    ended_at = CASE WHEN v.state = 'opened' THEN NULL ELSE $2::timestamptz END
  FROM jsonb_to_recordset($1::jsonb) AS v(rollout_id uuid, host_id uuid, state text, reason text)
  WHERE t.rollout_id = v.rollout_id AND t.host_id = v.host_id AND t.state = 'opened'`;

/** $1 now. Running rollouts without an open target have ended. One that is locked is being ended by another controller. */
export const FINISH_ENDED = `
  UPDATE rollout r SET
    finished_at = $1::timestamptz,
    state = CASE WHEN EXISTS (SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.state <> 'superseded')
      THEN 'finished' ELSE 'superseded' END
  WHERE r.id IN (SELECT id FROM rollout WHERE state = 'running' ORDER BY id FOR UPDATE SKIP LOCKED) AND NOT EXISTS (
    SELECT 1 FROM rollout_target t WHERE t.rollout_id = r.id AND t.state IN ('pending', 'opened'))
  RETURNING r.id::text AS id, r.state`;
