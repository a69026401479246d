/**
 * The statements that every agent's call runs, reviewed as SQL. Each one decides and changes at once, so that no two
 * callers can win; the time is always a parameter.
 */
import { words } from '../db/words.ts';
import { deliveriesFrom } from '../webhooks/outbox.ts';
import { FIRST_RELEASE_KINDS } from './agent-abilities.ts';
import { statesTaking } from './job-life.ts';

const LEASABLE = words(statesTaking('lease'));
const RENEWABLE = words(statesTaking('renew'));
const LAPSING = words(statesTaking('lapse'));
const FIRST_KINDS = words(FIRST_RELEASE_KINDS);

/** Who asks: $1 hosts, $2 the session of each. */
const ASKED = `unnest($1::uuid[], $2::bigint[]) AS a(host_id, session)`;

/**
 * A job is free for whoever asks at time $3 when its back-off has passed, no lease of this session runs, and its plan is the host's
 * newest and still open, under a consent that has not ended (whoever revokes one ends its plans). A kind that the agent lacks is never free.
 */
const FREE_JOB = `
  FROM job j LEFT JOIN plan p ON p.id = j.plan_id
  WHERE j.host_id = a.host_id AND j.state IN (${LEASABLE})
    AND (j.not_before IS NULL OR j.not_before <= $3::timestamptz)
    AND (j.state = 'queued' OR j.lease_session IS DISTINCT FROM a.session OR j.lease_expires_at <= $3::timestamptz)
    AND EXISTS (SELECT 1 FROM host_report r WHERE r.host_id = j.host_id AND j.kind = ANY (
      CASE WHEN cardinality(r.capabilities) = 0 THEN ARRAY[${FIRST_KINDS}] ELSE r.capabilities END))
    AND (j.plan_id IS NULL OR (p.state = 'open' AND (p.grant_ends_at IS NULL OR p.grant_ends_at > $3::timestamptz) AND NOT EXISTS (
      SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation)))`;

export const WORK_AVAILABLE = {
  name: 'work_available',
  text: `SELECT a.host_id AS "hostId" FROM ${ASKED} WHERE EXISTS (SELECT 1 ${FREE_JOB})`,
} as const;

/**
 * $1 hosts, $2 sessions, $3 now, $4 lease end, $5 event ids, $6 audit ids. One job for each host, only for its present session; what
 * somebody else holds is not waited for.
 */
export const LEASE = {
  name: 'lease',
  text: `
  WITH free AS MATERIALIZED (
    SELECT a.host_id, a.session, a.event_id, a.audit_id, f.id, f.generation, f.bytes, f.signature
    FROM unnest($1::uuid[], $2::bigint[], $5::uuid[], $6::uuid[]) AS a(host_id, session, event_id, audit_id)
      JOIN host_report present ON present.host_id = a.host_id AND present.session_number = a.session
      CROSS JOIN LATERAL (
        SELECT j.id, p.generation, p.bytes, p.signature ${FREE_JOB}
        ORDER BY j.lane = 'plan' DESC, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED) f),
  leased AS (
    UPDATE job SET state = 'leased', lease_number = lease_number + 1, lease_session = free.session,
      lease_expires_at = $4::timestamptz, started_at = coalesce(started_at, $3::timestamptz), progress = NULL, progress_at = NULL
    FROM free WHERE job.id = free.id
    RETURNING job.id AS job_id, job.site_id, job.kind, job.step_index, job.lease_number, job.attempts,
      free.host_id, free.session, free.event_id, free.audit_id, free.generation, free.bytes, free.signature),
  event AS (
    INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
    SELECT event_id, site_id, host_id, $3::timestamptz, 'step.started', jsonb_build_object(
      'jobId', job_id, 'kind', kind, 'stepIndex', step_index, 'leaseNumber', lease_number, 'attempts', attempts) FROM leased
    RETURNING id, site_id, host_id, at, detail),
  told AS (${deliveriesFrom(`SELECT id, site_id, host_id, at, 'job.started' AS type, 'job.*' AS "group", detail AS data FROM event`)}),
  audited AS (
    INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id, after)
    SELECT audit_id, site_id, $3::timestamptz, 'host:' || host_id::text, 'job.lease', 'job', job_id::text, jsonb_build_object(
      'leaseNumber', lease_number, 'session', session::text) FROM leased)
  SELECT host_id AS "hostId", job_id AS "jobId", kind, lease_number AS "leaseNumber", step_index AS "stepIndex",
    generation::text AS generation, bytes, signature FROM leased`,
} as const;

/** $1 host, $2 session, $3 lease end, $4 job, $5 lease number, $6 progress, $7 now. Says whether the progress is news. */
export const RENEW = `
  WITH held AS (
    SELECT id, progress, $6 <> '' AND $6 IS DISTINCT FROM progress AS news FROM job
    WHERE id = $4 AND host_id = $1 AND state IN (${RENEWABLE}) AND lease_number = $5 AND lease_session = $2::bigint
      AND EXISTS (SELECT 1 FROM host_report r WHERE r.host_id = $1 AND r.session_number = $2::bigint)
    FOR UPDATE)
  UPDATE job SET state = 'leased', lease_expires_at = $3,
    progress = CASE WHEN held.news THEN $6 ELSE job.progress END,
    progress_at = CASE WHEN held.news THEN $7::timestamptz ELSE job.progress_at END
  FROM held WHERE job.id = held.id RETURNING held.news`;

/** A host that renews is heard of. $1 host, $2 session, $3 now. */
export const HEARD = `UPDATE host_report SET last_seen_at = $3 WHERE host_id = $1 AND session_number = $2::bigint`;

/** $1 now. A row when a lease has lapsed. */
export const ANY_LAPSED = `SELECT 1 FROM job WHERE state IN (${LAPSING}) AND lease_expires_at <= $1 LIMIT 1`;

/** Locks up to $2 lapsed leases, in host order. $1 now. */
export const LAPSED = `
  SELECT id, host_id AS "hostId", kind, lease_number AS "leaseNumber" FROM job
  WHERE state IN (${LAPSING}) AND lease_expires_at <= $1
  ORDER BY host_id, id LIMIT $2 FOR UPDATE SKIP LOCKED`;

/** Hosts whose back-off ended between $1 and $2: their agents may be told. */
export const BACK_OFF_ENDED = `
  SELECT DISTINCT host_id AS "hostId" FROM job
  WHERE state = 'queued' AND not_before > $1 AND not_before <= $2 LIMIT 1000`;
