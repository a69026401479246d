/** SQL of the risk ledger. Plans are stored as the bytes that were sent: what an agent was given is read from these. */

/** Every lowering step that was handed out, and the grant in its plan. */
const STEPS = `
  SELECT j.id, j.host_id, j.kind, j.state, j.started_at, j.finished_at,
    (convert_from(p.bytes, 'UTF8')::jsonb #>> '{grant,payload}')::jsonb AS payload
  FROM job j JOIN plan p ON p.id = j.plan_id
  WHERE j.kind IN ('place_kit', 'set_boot_args') AND (j.lease_number > 0 OR j.state = 'succeeded')`;

export const LOWERINGS = `
  SELECT l.id::text AS "jobId", l.host_id::text AS "hostId", l.kind, g.id::text AS "grantId",
    COALESCE(g.payload::jsonb -> 'hostUuids' ? h.hardware_uuid AND g.expires_at > COALESCE(l.started_at, l.finished_at)
      AND (g.revoked_at IS NULL OR g.revoked_at >= COALESCE(l.started_at, l.finished_at)), false) AS traced
  FROM (${STEPS}) l JOIN host h ON h.id = l.host_id LEFT JOIN "grant" g ON g.id::text = l.payload ->> 'grantId'
  ORDER BY l.id`;

export const LEDGER = `
  WITH lowered AS (
    SELECT l.payload ->> 'grantId' AS grant_id, l.host_id, count(*)::int AS steps, max(l.finished_at) AS last_at
    FROM (${STEPS}) l WHERE l.state = 'succeeded' GROUP BY 1, 2)
  SELECT e.id::text AS "exceptionId", e.awaits_approval AS "awaitsApproval", e.created_at AS "createdAt", p.name AS policy, r.number AS revision,
    e.purpose, e.reason, e.clause_version AS "clauseVersion", e.shown_text_sha256 AS "shownTextSha256", e.approvals,
    e.requested_by AS "requestedBy", e.approver, e.approved_at AS "approvedAt", e.expires_at AS "expiresAt",
    e.revoked_at AS "revokedAt", e.revoked_by AS "revokedBy", g.id::text AS "grantId",
    COALESCE((g.payload::jsonb ->> 'quotaMax')::int, e.quota_max, r.quota) AS "quotaMax",
    (SELECT string_agg(a, ' ' ORDER BY a) FROM jsonb_array_elements_text(g.payload::jsonb -> 'extraArgs') a) AS "extraArgs",
    u.uuid AS "hostUuid", h.id::text AS "hostId", h.name AS host, s.state AS "hostState",
    (SELECT count(*)::int FROM jsonb_array_elements(s.evidence) piece WHERE piece -> 'holds' = 'true') AS "evidenceHolds",
    COALESCE(jsonb_array_length(s.evidence), 0) AS "evidencePieces", s.evaluated_at AS "evidenceAt",
    COALESCE(l.steps, 0) AS lowerings, l.last_at AS "lastLoweringAt"
  FROM risk_exception e JOIN policy_revision r ON r.id = e.policy_revision_id JOIN policy p ON p.id = r.policy_id
    LEFT JOIN "grant" g ON g.exception_id = e.id
    LEFT JOIN LATERAL jsonb_array_elements_text(g.payload::jsonb -> 'hostUuids') AS u(uuid) ON true
    LEFT JOIN host h ON h.hardware_uuid = u.uuid LEFT JOIN host_state s ON s.host_id = h.id
    LEFT JOIN lowered l ON l.grant_id = g.id::text AND l.host_id = h.id
  ORDER BY e.id, u.uuid`;
