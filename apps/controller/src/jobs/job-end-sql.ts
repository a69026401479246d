/** SQL of jobs that end without their agent's report, and of lists of jobs. The time is always a parameter. */
import { words } from '../db/words.ts';
import { listCondition } from '../filters/list-filter.ts';
import { JOB_FIELDS } from './job-filter.ts';
import { OPEN_STATES, statesTaking } from './job-life.ts';

/** Ended, and not as wanted. */
export const BAD_ENDS = ['failed', 'refused', 'cancelled', 'dead'] as const;

/** A job with its plan, and whether that is still the newest of its Mac. */
const JOB = `
  SELECT j.id, j.host_id AS "hostId", j.plan_id AS "planId", j.lane, j.step_index AS "stepIndex", j.kind, j.state,
    j.lease_number AS "leaseNumber", j.lease_expires_at AS "leaseExpiresAt", j.attempts, j.not_before AS "notBefore",
    j.progress, j.result, j.error_code AS "errorCode", j.error_detail AS "errorDetail", j.created_at AS "createdAt",
    j.started_at AS "startedAt", j.finished_at AS "finishedAt", j.cancel_asked_at AS "cancelAskedAt",
    j.cancel_asked_by AS "cancelAskedBy", j.cancel_reason AS "cancelReason", h.name AS host, h.retired_at AS "retiredAt",
    p.generation::text AS generation, p.state AS "planState", p.intent_number AS "intentNumber",
    COALESCE(i.number, 0) AS "intentNow",
    NOT EXISTS (SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation) AS "isNewest"
  FROM job j JOIN host h ON h.id = j.host_id LEFT JOIN plan p ON p.id = j.plan_id LEFT JOIN intent i ON i.host_id = j.host_id`;

/** $1 job. */
export const ONE_JOB = `${JOB} WHERE j.id = $1::uuid`;

/** $1 job: it stays locked until the transaction ends. */
export const LOCK_JOB = `${JOB} WHERE j.id = $1::uuid FOR UPDATE OF j`;

/**
 * Nothing has happened since: what the Mac still needs done waits for somebody to say "again". Written so that the index of bad ends
 * serves it.
 */
const REPLAYABLE = `
  j.state IN (${words(BAD_ENDS)}) AND h.retired_at IS NULL AND p.state IN ('failed', 'cancelled')
  AND p.intent_number = COALESCE(i.number, 0)
  AND NOT EXISTS (SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation)`;

export interface JobFilter {
  readonly filter?: string | undefined;
  readonly state?: string | undefined;
  readonly host?: string | undefined;
  readonly kind?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly replayable?: boolean | undefined;
}

/** Newest first, before an id. */
export function listJobs(filter: JobFilter, before: string | null, limit: number): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const is = (column: string, operator: string, value: unknown) => `${column} ${operator} $${values.push(value)}`;
  const where = [
    ...(filter.state === undefined ? [] : [is('j.state', '=', filter.state), ...hint(filter.state)]),
    ...(filter.host === undefined ? [] : [is('j.host_id', '=', filter.host)]),
    ...(filter.kind === undefined ? [] : [is('j.kind', '=', filter.kind)]),
    ...(filter.errorCode === undefined ? [] : [is('j.error_code', '=', filter.errorCode)]),
    ...(filter.replayable === true ? [REPLAYABLE] : []),
    ...(before === null ? [] : [is('j.id', '<', before)]),
  ];
  const asked = listCondition(JOB_FIELDS, filter.filter, {}, values.length + 1);
  values.push(...asked.values);
  return {
    text: `${JOB} WHERE ${[...where, asked.sql].join(' AND ')} ORDER BY j.id DESC LIMIT $${values.push(limit)}`,
    values,
  };
}

/** The state is a parameter, which says nothing to a partial index; so it is said again. */
function hint(state: string): string[] {
  const bad: readonly string[] = BAD_ENDS;
  if (bad.includes(state)) return [`j.state IN (${words(BAD_ENDS)})`];
  return (OPEN_STATES as readonly string[]).includes(state) ? [`j.state IN (${words(OPEN_STATES)})`] : [];
}

/** $1 made before, $2 how many. Too old, and nobody was asked to stop yet. */
export const TOO_OLD = `
  SELECT id FROM job WHERE state IN (${words(statesTaking('expire'))}) AND created_at <= $1::timestamptz
  ORDER BY host_id LIMIT $2`;

/** $1 now, $2 how many. Asked to stop, and not heard of since their lease ran out. */
export const LET_GO = `
  SELECT id FROM job WHERE state IN (${words(statesTaking('let_go'))})
    AND (lease_expires_at IS NULL OR lease_expires_at <= $1::timestamptz)
  ORDER BY host_id LIMIT $2`;
