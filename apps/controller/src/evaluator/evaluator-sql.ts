/** SQL of the evaluator. Time always comes as a parameter. Batches hold at most 200 hosts, in host order. */

/** $1 now. A row when anything is due, whoever works on it. */
export const ANY_DUE = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM host_state WHERE due_at <= $1::timestamptz)
    OR EXISTS (SELECT 1 FROM host_state WHERE review_at <= $1::timestamptz)`;

/** $1 now, $2 how many. Takes hosts that are due and that nobody else works on; they stay locked until the transaction ends. */
export const CLAIM_DUE = `
  SELECT host_id::text AS "hostId" FROM host_state
  WHERE due_at <= $1::timestamptz OR review_at <= $1::timestamptz
  ORDER BY host_id LIMIT $2::int FOR UPDATE SKIP LOCKED`;

/** $1 now, $2 hosts. Of these, the ones that are still due. */
export const CLAIM_AGAIN = `
  SELECT host_id::text AS "hostId" FROM host_state
  WHERE host_id = ANY($2::uuid[]) AND (due_at <= $1::timestamptz OR review_at <= $1::timestamptz)
  ORDER BY host_id FOR UPDATE SKIP LOCKED`;

/**
 * $1 now. Hosts that were heard again after a silence: nothing else marks them due when their facts did not change. One that is
 * locked is being evaluated, or marked, by somebody else.
 */
export const MARK_RETURNED = `
  UPDATE host_state s SET due_at = $1::timestamptz FROM (
    SELECT k.host_id FROM host_state k JOIN host_report r ON r.host_id = k.host_id
    WHERE k.presence <> 'online' AND k.due_at IS NULL AND r.last_seen_at > k.evaluated_at
      AND NOT EXISTS (SELECT 1 FROM host h WHERE h.id = k.host_id AND h.retired_at IS NOT NULL)
    ORDER BY k.host_id FOR UPDATE OF k SKIP LOCKED) returned
  WHERE s.host_id = returned.host_id`;

/**
 * $1 rules version, $2 now, $3 how many. Hosts that were judged by older rules, in host order: what is shown of them may not be true any
 * more, and what they wait for may not exist.
 */
export const MARK_OUTDATED = `
  UPDATE host_state s SET due_at = $2::timestamptz FROM (
    SELECT k.host_id FROM host_state k JOIN host h ON h.id = k.host_id
    WHERE k.rules_version < $1::int AND k.due_at IS NULL AND h.retired_at IS NULL
    ORDER BY k.host_id LIMIT $3::int FOR UPDATE OF k SKIP LOCKED) outdated
  WHERE s.host_id = outdated.host_id RETURNING s.host_id`;

/** $1 hosts. Who each is, what it said last, what was answered last, what is wanted, and the grant that this rests on. */
export const HOSTS = `
  SELECT h.id::text AS "hostId", h.name AS "hostName", h.hardware_uuid AS "hardwareUuid", h.simulated,
    r.facts, r.last_seen_at AS "lastSeenAt", r.boot_first_seen_at AS "bootFirstSeenAt", r.generation,
    r.agent_version AS "agentVersion", r.capabilities, r.clone_hint AS "cloneHint",
    s.state, s.findings, s.record,
    COALESCE(i.number, 0) AS number, COALESCE(i.quota, $2::int) AS quota, COALESCE(i.extra_args, '{}') AS "extraArgs",
    i.rollout_id::text AS "rolloutId", g.id::text AS "grantId", g.payload, g.signature, g.key_id AS "keyId",
    g.expires_at AS "expiresAt", g.revoked_at AS "revokedAt", e.expires_at AS "consentExpiresAt", e.revoked_at AS "consentRevokedAt", p.place_type AS "placeType"
  FROM host h JOIN host_report r ON r.host_id = h.id JOIN host_state s ON s.host_id = h.id
    LEFT JOIN intent i ON i.host_id = h.id LEFT JOIN "grant" g ON g.id = i.grant_id
    LEFT JOIN rollout o ON o.id = i.rollout_id AND i.revision_id IS NULL LEFT JOIN risk_exception e ON e.id = o.exception_id
    LEFT JOIN host_place p ON p.host_id = h.id
  WHERE h.id = ANY($1::uuid[]) AND h.retired_at IS NULL ORDER BY h.id`;

/** $1 hosts. The visit that waits for a person. */
export const OPEN_VISITS = `
  SELECT id::text AS id, host_id::text AS "hostId", kind, state, quota, boot_args AS "bootArgs", kc_md5 AS "kcMd5",
    expires_at AS "expiresAt", opened_at AS "openedAt", done_at AS "doneAt", drain_at AS "drainAt", overdue_at AS "overdueAt"
  FROM visit WHERE host_id = ANY($1::uuid[]) AND state IN ('due', 'open')`;

/** $1 hosts. The newest plan of each. */
export const NEWEST_PLANS = `
  SELECT DISTINCT ON (host_id) id::text AS id, host_id::text AS "hostId", generation, intent_number AS "intentNumber",
    bytes, state
  FROM plan WHERE host_id = ANY($1::uuid[]) ORDER BY host_id, generation DESC`;

/** $1 hosts. Failed plans since the last one that was done, of the newest plan's intent. */
export const FAILURES_IN_ROW = `
  SELECT p.host_id::text AS "hostId", count(*)::int AS failures FROM plan p
  WHERE p.host_id = ANY($1::uuid[]) AND p.state = 'failed'
    AND p.generation > COALESCE((SELECT max(d.generation) FROM plan d WHERE d.host_id = p.host_id AND d.state = 'done'), 0)
    AND p.intent_number = (SELECT n.intent_number FROM plan n WHERE n.host_id = p.host_id ORDER BY n.generation DESC LIMIT 1)
  GROUP BY p.host_id`;

/** The kinds of a plan's steps; visits and images in them may differ each time. */
const kindsOf = (plan: string) =>
  `jsonb_path_query_array(convert_from(${plan}.bytes, 'UTF8')::jsonb, '$.steps[*].kind')`;

/**
 * $1 hosts, $2 since. How often the like of the newest plan was done since then, for the same intent. Of Macs whose newest plan ended
 * before, nothing is read but that.
 */
export const REPEATED_PLANS = `
  SELECT n.host_id::text AS "hostId", count(*)::int AS repeats
  FROM (SELECT DISTINCT ON (host_id) host_id, generation, intent_number, state, ended_at, bytes FROM plan
      WHERE host_id = ANY($1::uuid[]) ORDER BY host_id, generation DESC) n
    JOIN plan p ON p.host_id = n.host_id AND p.generation > n.generation - 20
  WHERE n.state = 'done' AND n.ended_at > $2::timestamptz
    AND p.state = 'done' AND p.ended_at > $2::timestamptz AND p.intent_number = n.intent_number AND ${kindsOf('p')} = ${kindsOf('n')}
  GROUP BY n.host_id`;

/** $1 plans. */
export const JOBS_OF_PLANS = `
  SELECT host_id::text AS "hostId", step_index AS "stepIndex", kind, state,
    error_code AS "errorCode", error_detail AS "errorDetail", finished_at AS "finishedAt",
    cancel_asked_by AS "cancelAskedBy", cancel_reason AS "cancelReason"
  FROM job WHERE plan_id = ANY($1::uuid[]) ORDER BY id`;

/** $1 hosts. The last four kernel collections that each built, newest first. */
export const BUILT_COLLECTIONS = `
  SELECT "hostId", result FROM (
    SELECT host_id::text AS "hostId", result, row_number() OVER (PARTITION BY host_id ORDER BY finished_at DESC, id DESC) AS nth
    FROM job WHERE host_id = ANY($1::uuid[]) AND kind = 'build_kc' AND state = 'succeeded' AND result IS NOT NULL) built
  WHERE nth <= 4 ORDER BY "hostId", nth`;

/** $1 hosts. The visit kit placed last on each, with the plan that asked for it. */
export const PLACED_KITS = `
  SELECT DISTINCT ON (j.host_id) j.host_id::text AS "hostId", j.result, j.step_index AS "stepIndex", p.bytes
  FROM job j JOIN plan p ON p.id = j.plan_id
  WHERE j.host_id = ANY($1::uuid[]) AND j.kind = 'place_kit' AND j.state = 'succeeded'
  ORDER BY j.host_id, j.finished_at DESC, j.id DESC`;

/**
 * $1 hosts. When the newest visit for a raise was opened. A restart that a person made counts as well: it is a boot after a visit,
 * and what boots is proven by the other pieces of evidence. A withdrawn visit counts only if the Mac shows its receipt.
 */
export const OPENED_VISITS = `
  SELECT DISTINCT ON (v.host_id) v.host_id::text AS "hostId", GREATEST(v.opened_at, v.last_opened_at) AS "openedAt"
  FROM visit v JOIN host_report r ON r.host_id = v.host_id
  WHERE v.host_id = ANY($1::uuid[]) AND v.kind IN ('raise', 'restart') AND GREATEST(v.opened_at, v.last_opened_at) IS NOT NULL
    AND (v.state <> 'withdrawn' OR r.facts #>> '{receipt,visitId}' = v.id::text)
  ORDER BY v.host_id, GREATEST(v.opened_at, v.last_opened_at) DESC`;

/** $1 hosts, $2 now. Who took the risk of which updates for each. */
export const UPDATE_ACCEPTANCES = `
  SELECT n.host_id::text AS "hostId", a.id::text AS id, a.targets, a.reason, a.accepted_by AS "acceptedBy", a.expires_at AS "expiresAt"
  FROM update_acceptance_host n JOIN update_acceptance a ON a.id = n.acceptance_id
  WHERE n.host_id = ANY($1::uuid[]) AND a.revoked_at IS NULL AND a.expires_at > $2::timestamptz ORDER BY n.host_id, a.id`;

/** $1 hosts. The newest boot in which somebody counted guests; whether it is the present one is for the rules to say. */
export const NEWEST_WITNESSES = `
  SELECT DISTINCT ON (host_id) host_id::text AS "hostId", macos_guests AS "macosGuests", boot_session_id AS "bootSessionId",
    source, said_by AS by, at
  FROM witness WHERE host_id = ANY($1::uuid[]) ORDER BY host_id, at DESC`;

/** $1 JSON of rows, $2 site, $3 now. The count that made a raise witnessed, with the pair that it speaks for. */
export const STORE_WITNESSED = `
  INSERT INTO witness (id, site_id, host_id, boot_session_id, macos_guests, source, said_by, at, build, variant, counted_at)
  SELECT v.id, $2::uuid, v.host_id, v.boot_session_id, v.macos_guests, v.source, v.said_by, $3::timestamptz, v.build, v.variant,
    $3::timestamptz
  FROM jsonb_to_recordset($1::jsonb) AS v(id uuid, host_id uuid, boot_session_id text, macos_guests int, source text,
    said_by text, build text, variant text)
  ORDER BY v.host_id
  ON CONFLICT (host_id, boot_session_id) DO UPDATE SET
    macos_guests = GREATEST(witness.macos_guests, excluded.macos_guests), build = excluded.build, variant = excluded.variant,
    counted_at = COALESCE(witness.counted_at, excluded.counted_at)`;

/** $1 JSON of rows, $2 rules version, $3 now. */
export const STORE_STATES = `
  UPDATE host_state s SET
    state = v.state, state_since = CASE WHEN s.state = v.state THEN s.state_since ELSE $3::timestamptz END,
    presence = v.presence, waits_for = v.waits_for, findings = v.findings, evidence = v.evidence, record = v.record, updates = v.updates,
    rules_version = $2::int, evaluated_at = $3::timestamptz, due_at = NULL, review_at = v.review_at
  FROM jsonb_to_recordset($1::jsonb) AS v(host_id uuid, state text, presence text, waits_for text, findings jsonb,
    evidence jsonb, record jsonb, updates jsonb, review_at timestamptz)
  WHERE s.host_id = v.host_id`;

/** $1 hosts. For those that are not evaluated any more: retired ones. Who lets one in again marks it due. */
export const LET_REST = `UPDATE host_state SET due_at = NULL, review_at = NULL WHERE host_id = ANY($1::uuid[])`;

/** $1 JSON of rows, $2 now, $3 when to look again. What became due since $2 stays due; the finding keeps the time of its first failure. */
export const POSTPONE_FAILED = `
  UPDATE host_state s SET due_at = CASE WHEN s.due_at > $2::timestamptz THEN s.due_at END, review_at = $3::timestamptz,
    findings = jsonb_build_array(v.finding || COALESCE((SELECT jsonb_build_object('since', f.value -> 'since')
        FROM jsonb_array_elements(s.findings) f WHERE f.value ->> 'code' = v.finding ->> 'code'), '{}'))
      || (SELECT COALESCE(jsonb_agg(f.value), '[]') FROM jsonb_array_elements(s.findings) f
        WHERE f.value ->> 'code' <> v.finding ->> 'code')
  FROM jsonb_to_recordset($1::jsonb) AS v(host_id uuid, finding jsonb)
  WHERE s.host_id = v.host_id AND (s.due_at <= $2::timestamptz OR s.review_at <= $2::timestamptz)`;
