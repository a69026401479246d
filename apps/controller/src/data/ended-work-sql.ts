/**
 * Which ended work may be removed, said once for each kind of it. What is not removed is what something rests on: a lowering and its
 * grant, a collection that a Mac may boot, the proof that a Mac was visited, an intent, an exception that has not ended, a pair that was
 * witnessed.
 */
import { LOWERING_KINDS } from '@headroom/core';
import { words } from '../db/words.ts';
import { OPEN_STATES } from '../jobs/job-life.ts';

export interface EndedKind {
  readonly name: 'plans' | 'jobs' | 'visits' | 'rollouts' | 'witnesses';
  readonly table: string;
  /** Which of its rows are looked at, of `w`. */
  readonly scope: string;
  /** When `w` may go. $1 = ended before. */
  readonly goes: string;
  /** What goes with it. */
  readonly parts: readonly { readonly name: string; readonly table: string; readonly column: string }[];
  /** Rows looked at in one step. */
  readonly atOnce: number;
}

const OPEN = words(OPEN_STATES);
const LOWERING = words(LOWERING_KINDS);

/** The evaluator knows the last four collections that a Mac built by these jobs. */
const COLLECTIONS_KEPT = 4;
const isKeptCollection = (job: string) => `(
    ${job}.kind = 'build_kc' AND ${job}.state = 'succeeded' AND ${job}.result IS NOT NULL AND (SELECT count(*) FROM job n
      WHERE n.host_id = ${job}.host_id AND n.kind = 'build_kc' AND n.state = 'succeeded' AND n.result IS NOT NULL
        AND (n.finished_at, n.id) > (${job}.finished_at, ${job}.id)) < ${COLLECTIONS_KEPT})`;

/**
 * Every lowering that was done stays, with its plan and the grant in it. One that was tried and did not succeed stays until the same was
 * tried again under the same grant: then that one shows it.
 */
const MAY_GO_AS_PLAN = `
  w.state <> 'open' AND w.ended_at < $1::timestamptz
  AND EXISTS (SELECT 1 FROM plan n WHERE n.host_id = w.host_id AND n.generation > w.generation)
  AND (w.state <> 'done' OR EXISTS (
    SELECT 1 FROM plan n WHERE n.host_id = w.host_id AND n.generation > w.generation AND n.state = 'done'))
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.plan_id = w.id AND (
    j.state IN (${OPEN}) OR ${isKeptCollection('j')}
    OR (j.kind IN (${LOWERING}) AND (j.state = 'succeeded' OR (j.lease_number > 0 AND NOT EXISTS (
      SELECT 1 FROM plan n JOIN job l ON l.plan_id = n.id
      WHERE n.host_id = w.host_id AND n.generation > w.generation AND n.grant_id = w.grant_id
        AND l.kind = j.kind AND l.lease_number > 0))))))`;

const MAY_GO_AS_JOB = `
  w.state NOT IN (${OPEN}) AND w.finished_at < $1::timestamptz AND w.kind NOT IN (${LOWERING}) AND NOT ${isKeptCollection('w')}`;

const OPENED = (visit: string) => `GREATEST(${visit}.opened_at, ${visit}.last_opened_at)`;

/**
 * A raise that was opened, or whose kit was placed, is part of a lowering. The newest visit that reached a Mac is evidence of its raise
 * and what retiring looks at; the newest of all is shown with the Mac.
 */
const MAY_GO_AS_VISIT = `
  w.state IN ('closed', 'withdrawn') AND w.closed_at < $1::timestamptz
  AND EXISTS (SELECT 1 FROM visit n WHERE n.host_id = w.host_id AND n.id > w.id)
  AND (w.kind <> 'raise' OR (${OPENED('w')} IS NULL AND NOT EXISTS (
    SELECT 1 FROM job k JOIN plan p ON p.id = k.plan_id
    WHERE k.host_id = w.host_id AND k.kind = 'place_kit' AND k.state = 'succeeded'
      AND convert_from(p.bytes, 'UTF8')::jsonb -> 'steps' -> k.step_index ->> 'visitId' = w.id::text)))
  AND (w.kind <> 'restart' OR ${OPENED('w')} IS NULL OR EXISTS (
    SELECT 1 FROM visit n WHERE n.host_id = w.host_id AND n.kind IN ('raise', 'restart') AND n.state <> 'withdrawn'
      AND ${OPENED('n')} > ${OPENED('w')}))`;

/**
 * Who set an intent is asked for as long as it holds; the end of an exception and what it allows are traced while it lasts. An older
 * rollout that may be tried again must still find that this one was for the Mac since.
 */
const MAY_GO_AS_ROLLOUT = `
  w.state IN ('finished', 'superseded') AND w.finished_at < $1::timestamptz
  AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.rollout_id = w.id)
  AND NOT EXISTS (SELECT 1 FROM host h
    WHERE h.retire_asked_at IS NOT NULL AND h.retired_at IS NULL AND h.retire_rollout_id = w.id)
  AND NOT EXISTS (SELECT 1 FROM risk_exception e
    WHERE e.ended_at IS NULL AND NOT e.awaits_approval AND (e.id = w.exception_id OR e.policy_revision_id = w.revision_id))
  AND NOT EXISTS (SELECT 1 FROM rollout_target t JOIN rollout_target o ON o.host_id = t.host_id AND o.rollout_id < t.rollout_id
    WHERE t.rollout_id = w.id AND t.state NOT IN ('superseded', 'skipped') AND o.state IN ('pending', 'opened', 'failed', 'stuck'))`;

/** What counts now is the newest boot of a Mac; on how many Macs a pair was witnessed is counted for ever, by the newest count of each. */
const MAY_GO_AS_WITNESS = `
  w.at < $1::timestamptz AND EXISTS (SELECT 1 FROM witness n WHERE n.host_id = w.host_id AND (n.at, n.id) > (w.at, w.id))
  AND (w.counted_at IS NULL OR EXISTS (
    SELECT 1 FROM witness n WHERE n.host_id = w.host_id AND n.build = w.build AND n.variant = w.variant
      AND n.counted_at IS NOT NULL AND (n.at, n.id) > (w.at, w.id)))`;

export const ENDED_KINDS: readonly EndedKind[] = [
  {
    name: 'plans',
    table: 'plan',
    scope: 'true',
    goes: MAY_GO_AS_PLAN,
    parts: [{ name: 'jobs', table: 'job', column: 'plan_id' }],
    atOnce: 500,
  },
  { name: 'jobs', table: 'job', scope: 'w.plan_id IS NULL', goes: MAY_GO_AS_JOB, parts: [], atOnce: 500 },
  { name: 'visits', table: 'visit', scope: 'true', goes: MAY_GO_AS_VISIT, parts: [], atOnce: 500 },
  {
    name: 'rollouts',
    table: 'rollout',
    scope: 'true',
    goes: MAY_GO_AS_ROLLOUT,
    parts: [{ name: 'targets', table: 'rollout_target', column: 'rollout_id' }],
    // Each may be for all Macs.
    atOnce: 5,
  },
  { name: 'witnesses', table: 'witness', scope: 'true', goes: MAY_GO_AS_WITNESS, parts: [], atOnce: 500 },
];

/** $1 ended before, $2 after this id, $3 before this id (no row that was made later can have ended earlier). The next rows, in order. */
export const lookAt = ({ table, scope, goes, atOnce }: EndedKind) => `
  SELECT w.id::text AS id, (${goes}) AS goes FROM (
    SELECT * FROM ${table} w WHERE ${scope} AND w.id > $2::uuid AND w.id < $3::uuid ORDER BY w.id LIMIT ${atOnce}) w
  ORDER BY w.id`;

/** $1 ended before, $2 rows. Of these, the ones that may still go; nobody changes them from here on. */
export const claim = ({ table, goes }: EndedKind) => `
  SELECT w.id::text AS id FROM ${table} w WHERE w.id = ANY($2::uuid[]) AND ${goes}
  ORDER BY w.id FOR UPDATE OF w SKIP LOCKED`;

/** $1 rows. */
export const removeFrom = (table: string, column: string) => `DELETE FROM ${table} WHERE ${column} = ANY($1::uuid[])`;
