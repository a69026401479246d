/** The statement behind host-changes.ts, reviewed as SQL. Rows come as JSON lists; their locks are held by the caller. */

/**
 * $1 now, $2 site, $3 hosts that are due, $4 reports, $5 closed jobs, $6 opened jobs, $7 ended plans, $8 timeline, $9 audit; $10 to $12
 * the ids of the closed jobs, the ended plans and the hosts that report. They say again what the lists say: a list is taken for a hundred
 * rows, and the plan kept from when a table was small then reads all of one that has grown.
 * A job that waits to be tried again loses its session: a repeat of the same finish is then a stale one. A host's next job is opened
 * when all that are closed are no longer open, which `opened` waits for by counting them.
 */
export const STORE_CHANGES = {
  name: 'store_changes',
  text: `
  WITH closed AS (
    UPDATE job j SET state = v.state, attempts = v.attempts, error_code = v."errorCode", error_detail = v."errorDetail",
      result = coalesce(v.result, j.result), lease_expires_at = NULL,
      lease_session = CASE WHEN v."notBefore" IS NULL THEN j.lease_session END,
      not_before = coalesce(v."notBefore", j.not_before),
      finished_at = CASE WHEN v."notBefore" IS NULL THEN $1::timestamptz ELSE j.finished_at END
    FROM jsonb_to_recordset($5::jsonb) AS v(
      id uuid, state text, attempts int, "errorCode" text, "errorDetail" text, result jsonb, "notBefore" timestamptz)
    WHERE j.id = ANY($10::uuid[]) AND j.id = v.id RETURNING j.id),
  opened AS (
    INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, created_at)
    SELECT id, $2::uuid, "hostId", "planId", lane, "stepIndex", kind, 'queued', $1::timestamptz
    FROM jsonb_to_recordset($6::jsonb) AS v(
      id uuid, "hostId" uuid, "planId" uuid, lane text, "stepIndex" int, kind text)
    WHERE (SELECT count(*) FROM closed) >= 0),
  ended AS (
    UPDATE plan p SET state = v.state, ended_at = $1::timestamptz
    FROM jsonb_to_recordset($7::jsonb) AS v(id uuid, state text) WHERE p.id = ANY($11::uuid[]) AND p.id = v.id),
  reported AS (
    UPDATE host_report r SET boot_ordinal = v."bootOrdinal", sequence = v.sequence, last_seen_at = $1::timestamptz,
      facts = coalesce(v.facts -> 'json', r.facts), facts_sha256 = coalesce(v.facts ->> 'sha256', r.facts_sha256),
      facts_at = CASE WHEN v.facts IS NULL THEN r.facts_at ELSE $1::timestamptz END,
      boot_session_id = coalesce(v."bootSessionId", r.boot_session_id),
      boot_first_seen_at = CASE WHEN v."bootSessionId" IS NULL THEN r.boot_first_seen_at ELSE $1::timestamptz END
    FROM jsonb_to_recordset($4::jsonb) AS v(
      "hostId" uuid, "bootOrdinal" int, sequence bigint, facts jsonb, "bootSessionId" text)
    WHERE r.host_id = ANY($12::uuid[]) AND r.host_id = v."hostId"),
  due AS (UPDATE host_state SET due_at = $1::timestamptz WHERE host_id = ANY($3::uuid[])),
  told AS (
    INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
    SELECT id, $2::uuid, "hostId", $1::timestamptz, kind, detail
    FROM jsonb_to_recordset($8::jsonb) AS v(id uuid, "hostId" uuid, kind text, detail jsonb))
  INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id, before, after)
  SELECT id, $2::uuid, $1::timestamptz, actor, action, entity, "entityId", before, after
  FROM jsonb_to_recordset($9::jsonb) AS v(
    id uuid, actor text, action text, entity text, "entityId" text, before jsonb, after jsonb)`,
} as const;
