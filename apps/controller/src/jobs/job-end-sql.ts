/** SQL of jobs as they are shown, and of those that end without their agent's report. The time is always a parameter. */
import { words } from '../db/words.ts';
import { JOB_TABLES } from './job-filter.ts';
import { statesTaking } from './job-life.ts';

/** A job with its plan, and whether that is still the newest of its Mac: columns of `JOB_TABLES`. */
export const JOB_COLUMNS = `j.id, j.host_id AS "hostId", j.plan_id AS "planId", j.lane, j.step_index AS "stepIndex", j.kind, j.state,
    j.lease_number AS "leaseNumber", j.lease_expires_at AS "leaseExpiresAt", j.attempts, j.not_before AS "notBefore",
    j.progress, j.result, j.error_code AS "errorCode", j.error_detail AS "errorDetail", j.created_at AS "createdAt",
    j.started_at AS "startedAt", j.finished_at AS "finishedAt", j.cancel_asked_at AS "cancelAskedAt",
    j.cancel_asked_by AS "cancelAskedBy", j.cancel_reason AS "cancelReason", h.name AS host, h.retired_at AS "retiredAt",
    p.generation::text AS generation, p.state AS "planState", p.intent_number AS "intentNumber",
    COALESCE(i.number, 0) AS "intentNow",
    NOT EXISTS (SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation) AS "isNewest"`;
const JOB = `SELECT ${JOB_COLUMNS} FROM ${JOB_TABLES}`;

/** $1 job. */
export const ONE_JOB = `${JOB} WHERE j.id = $1::uuid`;

/** $1 job: it stays locked until the transaction ends. */
export const LOCK_JOB = `${JOB} WHERE j.id = $1::uuid FOR UPDATE OF j`;

/** $1 made before, $2 how many. Too old, and nobody was asked to stop yet. */
export const TOO_OLD = `
  SELECT id FROM job WHERE state IN (${words(statesTaking('expire'))}) AND created_at <= $1::timestamptz
  ORDER BY host_id LIMIT $2`;

/** $1 now, $2 how many. Asked to stop, and not heard of since their lease ran out. */
export const LET_GO = `
  SELECT id FROM job WHERE state IN (${words(statesTaking('let_go'))})
    AND (lease_expires_at IS NULL OR lease_expires_at <= $1::timestamptz)
  ORDER BY host_id LIMIT $2`;
