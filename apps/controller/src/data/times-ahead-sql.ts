/** SQL of times-ahead.ts. $1 now, $2 times after this lie ahead. Macs in host order, states first, as everybody locks them. */
import { words } from '../db/words.ts';
import { OPEN_STATES } from '../jobs/job-life.ts';

const NOT_DONE = `('pending', 'opened', 'failed', 'stuck')`;

const JOBS_AHEAD = (from: string) => `
  SELECT id FROM job WHERE state IN (${words(OPEN_STATES)}) AND GREATEST(created_at, not_before, lease_expires_at) > ${from}`;
const STATES_AHEAD = (from: string) => `
  SELECT host_id FROM host_state WHERE GREATEST(due_at, evaluated_at, state_since) > ${from}`;
const REPORTS_AHEAD = (from: string) => `SELECT host_id FROM host_report WHERE last_seen_at > ${from}`;
const ROLLOUTS_AHEAD = (from: string) => `
  SELECT id FROM rollout WHERE state = 'running' AND GREATEST(decided_at, review_at) > ${from}`;
const DELIVERIES_AHEAD = (from: string) => `
  SELECT 1 FROM webhook_delivery WHERE state = 'queued' AND GREATEST(occurred_at, last_attempt_at, lease_until) > ${from}`;

/** $1 times after this lie ahead. A row when there are any. */
export const ANY_AHEAD = `
  SELECT 1 WHERE ${[STATES_AHEAD, REPORTS_AHEAD, JOBS_AHEAD, ROLLOUTS_AHEAD, DELIVERIES_AHEAD]
    .map((rows) => `EXISTS (${rows('$1::timestamptz')})`)
    .join(' OR ')}`;

const [NOW, AHEAD] = ['$1::timestamptz', '$2::timestamptz'];
const back = (column: string) => `${column} = LEAST(${column}, ${NOW})`;

/** A Mac is evaluated anew; a silence runs from now; what is too old, or held by nobody, is found by the sweep. */
export const BRING_BACK: readonly (readonly [what: string, sql: string])[] = [
  [
    'hosts',
    `UPDATE host_state s SET due_at = ${NOW}, ${back('state_since')} FROM (${STATES_AHEAD(AHEAD)} ORDER BY host_id FOR UPDATE) a
     WHERE s.host_id = a.host_id`,
  ],
  [
    'heard',
    `UPDATE host_report r SET last_seen_at = ${NOW} FROM (${REPORTS_AHEAD(AHEAD)} ORDER BY host_id FOR UPDATE) a
     WHERE r.host_id = a.host_id`,
  ],
  [
    'jobs',
    `UPDATE job j SET ${back('created_at')}, not_before = CASE WHEN not_before <= ${AHEAD} THEN not_before END,
       lease_expires_at = CASE WHEN lease_expires_at > ${AHEAD} THEN ${NOW} ELSE lease_expires_at END
     FROM (${JOBS_AHEAD(AHEAD)} ORDER BY host_id, id FOR UPDATE) a WHERE j.id = a.id`,
  ],
  [
    'visits',
    `UPDATE visit SET ${['opened_at', 'last_opened_at', 'done_at', 'overdue_at'].map(back).join(', ')}
     WHERE state IN ('due', 'open') AND GREATEST(opened_at, last_opened_at, done_at, overdue_at) > ${AHEAD}`,
  ],
  [
    'rollouts',
    `UPDATE rollout r SET decided_at = NULL, review_at = ${NOW} FROM (${ROLLOUTS_AHEAD(AHEAD)} ORDER BY id FOR UPDATE) a WHERE r.id = a.id`,
  ],
  [
    'targets',
    `UPDATE rollout_target SET ${['opened_at', 'ended_at', 'noted_at'].map(back).join(', ')}
     WHERE (state IN ${NOT_DONE} OR rollout_id IN (SELECT id FROM rollout WHERE state NOT IN ('finished', 'superseded')))
       AND GREATEST(opened_at, ended_at, noted_at) > ${AHEAD}`,
  ],
  [
    'deliveries',
    `UPDATE webhook_delivery SET next_at = ${NOW}, lease_until = NULL
     WHERE state = 'queued' AND GREATEST(occurred_at, last_attempt_at, lease_until) > ${AHEAD}`,
  ],
];
