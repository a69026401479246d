/**
 * The statements that every agent's call runs, reviewed as SQL. Each one decides and changes at once, so that no two
 * callers can win; the time is always a parameter.
 */
import { FIRST_RELEASE_KINDS } from './agent-kinds.ts';
import { statesTaking } from './job-life.ts';

const quoted = (states: readonly string[]) => states.map((state) => `'${state}'`).join(', ');
const LEASABLE = quoted(statesTaking('lease'));
const RENEWABLE = quoted(statesTaking('renew'));
const LAPSING = quoted(statesTaking('lapse'));
const FIRST_KINDS = quoted(FIRST_RELEASE_KINDS);

/**
 * A job is free for session $2 of host $1 at time $3 when its back-off has passed, no lease of this session runs, and its
 * plan is the host's newest and still open. A kind that the agent lacks is never free.
 */
const FREE_JOB = `
  FROM job j LEFT JOIN plan p ON p.id = j.plan_id
  WHERE j.host_id = $1 AND j.state IN (${LEASABLE})
    AND (j.not_before IS NULL OR j.not_before <= $3)
    AND (j.state = 'queued' OR j.lease_session IS DISTINCT FROM $2::bigint OR j.lease_expires_at <= $3)
    AND EXISTS (SELECT 1 FROM host_report a WHERE a.host_id = j.host_id AND j.kind = ANY (
      CASE WHEN cardinality(a.capabilities) = 0 THEN ARRAY[${FIRST_KINDS}] ELSE a.capabilities END))
    AND (j.plan_id IS NULL OR (p.state = 'open' AND NOT EXISTS (
      SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation)))`;

export const WORK_AVAILABLE = `SELECT EXISTS (SELECT 1 ${FREE_JOB}) AS available`;

/** $1 host, $2 session, $3 now, $4 lease end, $5 event id, $6 audit id. Only the host's present session gets a job. */
export const LEASE = `
  WITH free AS (
    SELECT j.id, p.generation, p.bytes, p.signature ${FREE_JOB}
      AND EXISTS (SELECT 1 FROM host_report r WHERE r.host_id = $1 AND r.session_number = $2::bigint)
    ORDER BY j.lane = 'plan' DESC, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED),
  leased AS (
    UPDATE job SET state = 'leased', lease_number = lease_number + 1, lease_session = $2::bigint, lease_expires_at = $4,
      started_at = coalesce(started_at, $3), progress = NULL
    FROM free WHERE job.id = free.id
    RETURNING job.id, job.site_id, job.kind, job.lane, job.step_index, job.lease_number, job.attempts,
      free.generation, free.bytes, free.signature),
  event AS (
    INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
    SELECT $5::uuid, site_id, $1, $3, 'step.started', jsonb_build_object(
      'jobId', id, 'kind', kind, 'stepIndex', step_index, 'leaseNumber', lease_number, 'attempts', attempts) FROM leased),
  audited AS (
    INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id, after)
    SELECT $6::uuid, site_id, $3, 'host:' || $1::text, 'job.lease', 'job', id::text, jsonb_build_object(
      'leaseNumber', lease_number, 'session', $2::text) FROM leased)
  SELECT id AS "jobId", kind, lease_number AS "leaseNumber", step_index AS "stepIndex",
    generation::text AS generation, bytes, signature FROM leased`;

/** $1 host, $2 session, $3 lease end, $4 job, $5 lease number, $6 progress. */
export const RENEW = `
  UPDATE job SET state = 'leased', lease_expires_at = $3, progress = coalesce(nullif($6, ''), progress)
  WHERE id = $4 AND host_id = $1 AND state IN (${RENEWABLE}) AND lease_number = $5 AND lease_session = $2::bigint
    AND EXISTS (SELECT 1 FROM host_report r WHERE r.host_id = $1 AND r.session_number = $2::bigint)`;

/** A host that renews is heard of. $1 host, $2 session, $3 now. */
export const HEARD = `UPDATE host_report SET last_seen_at = $3 WHERE host_id = $1 AND session_number = $2::bigint`;

/** Locks up to $2 lapsed leases, in host order. $1 now. */
export const LAPSED = `
  SELECT id, host_id AS "hostId", kind, lease_number AS "leaseNumber" FROM job
  WHERE state IN (${LAPSING}) AND lease_expires_at <= $1
  ORDER BY host_id, id LIMIT $2 FOR UPDATE SKIP LOCKED`;

/** Hosts whose back-off ended between $1 and $2: their agents may be told. */
export const BACK_OFF_ENDED = `
  SELECT DISTINCT host_id AS "hostId" FROM job
  WHERE state = 'queued' AND not_before > $1 AND not_before <= $2 LIMIT 1000`;
