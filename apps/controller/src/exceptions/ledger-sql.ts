/** SQL of the risk ledger: a page of it at a time, and no plan is read that its rows are not about. */

/** The consent of plan `p`. Plans of earlier releases have it in their bytes only, as they were sent. */
const GRANT_ID = `COALESCE(p.grant_id::text, (convert_from(p.bytes, 'UTF8')::jsonb #>> '{grant,payload}')::jsonb ->> 'grantId')`;

const LOWERS = `j.kind IN ('place_kit', 'set_boot_args')`;

/** Every lowering step that was handed out, and the grant in its plan. */
export const LOWERINGS = `
  SELECT l.id::text AS "jobId", l.host_id::text AS "hostId", l.kind, g.id::text AS "grantId",
    COALESCE(g.payload::jsonb -> 'hostUuids' ? h.hardware_uuid AND g.expires_at > COALESCE(l.started_at, l.finished_at)
      AND (g.revoked_at IS NULL OR g.revoked_at >= COALESCE(l.started_at, l.finished_at)), false) AS traced
  FROM (SELECT j.*, ${GRANT_ID} AS grant_id FROM job j JOIN plan p ON p.id = j.plan_id
      WHERE ${LOWERS} AND (j.lease_number > 0 OR j.state = 'succeeded')) l
    JOIN host h ON h.id = l.host_id LEFT JOIN "grant" g ON g.id::text = l.grant_id
  ORDER BY l.id`;

/**
 * $1 after this exception (or at it), $2 after its Mac with this hardware UUID, $4 and this grant, $3 how many; null = from the start. A Mac
 * stands there once for each grant that names it: an exception that was signed again has two.
 */
export const LEDGER_PAGE = `
  WITH covered AS (
    SELECT e.id, g.id AS grant_id, g.payload::jsonb AS payload, COALESCE(u.uuid, '') AS uuid,
      COALESCE(g.id::text, '') AS grant_place
    FROM risk_exception e LEFT JOIN "grant" g ON g.exception_id = e.id
      LEFT JOIN LATERAL jsonb_array_elements_text(g.payload::jsonb -> 'hostUuids') AS u(uuid) ON true
    WHERE $1::uuid IS NULL OR e.id > $1::uuid
      OR (e.id = $1::uuid AND (COALESCE(u.uuid, ''), COALESCE(g.id::text, '')) > ($2, $4))
    ORDER BY e.id, COALESCE(u.uuid, ''), COALESCE(g.id::text, '') LIMIT $3)
  SELECT e.id::text AS "exceptionId", e.awaits_approval AS "awaitsApproval", e.created_at AS "createdAt", e.key_retired_at AS "keyRetiredAt", p.name AS policy,
    r.number AS revision, e.purpose, e.reason, e.clause_version AS "clauseVersion", e.shown_text_sha256 AS "shownTextSha256",
    e.approvals, e.requested_by AS "requestedBy", e.approver, e.approved_at AS "approvedAt",
    e.common_maker AS "commonMaker", e.expires_at AS "expiresAt",
    e.revoked_at AS "revokedAt", e.revoked_by AS "revokedBy", c.grant_id::text AS "grantId",
    COALESCE((c.payload ->> 'quotaMax')::int, e.quota_max, r.quota) AS "quotaMax",
    (SELECT string_agg(a, ' ' ORDER BY a) FROM jsonb_array_elements_text(c.payload -> 'extraArgs') a) AS "extraArgs",
    NULLIF(c.uuid, '') AS "hostUuid", h.id::text AS "hostId", h.name AS host, s.state AS "hostState",
    COALESCE(s.evidence, '[]') AS evidence, s.evaluated_at AS "evidenceAt",
    COALESCE(l.steps, 0) AS lowerings, l.last_at AS "lastLoweringAt"
  FROM covered c JOIN risk_exception e ON e.id = c.id
    JOIN policy_revision r ON r.id = e.policy_revision_id JOIN policy p ON p.id = r.policy_id
    LEFT JOIN host h ON h.hardware_uuid = c.uuid LEFT JOIN host_state s ON s.host_id = h.id
    LEFT JOIN LATERAL (
      SELECT count(*)::int AS steps, max(j.finished_at) AS last_at FROM plan p JOIN job j ON j.plan_id = p.id
      WHERE p.host_id = h.id AND ${LOWERS} AND j.state = 'succeeded' AND ${GRANT_ID} = c.grant_id::text) l ON true
  ORDER BY c.id, c.uuid, c.grant_place`;
