/** What must hold at the end of a run, whatever went wrong in it. */
import type { Bed } from './bed.ts';

interface Rule {
  readonly what: string;
  /** Rows that break it. */
  readonly sql: string;
}

/** Jobs whose end was accepted more or less often than once. */
export const ENDED_ONCE = `SELECT j.kind, j.state, count(a.id)::int AS audited,
    (SELECT count(*)::int FROM host_event e WHERE e.kind = 'step.finished' AND e.detail ->> 'jobId' = j.id::text) AS told
  FROM job j LEFT JOIN audit a ON a.entity_id = j.id::text AND a.action = 'job.succeed'
  WHERE j.state = 'succeeded' GROUP BY j.id
  HAVING count(a.id) <> 1
    OR (SELECT count(*) FROM host_event e WHERE e.kind = 'step.finished' AND e.detail ->> 'jobId' = j.id::text) <> 1`;

const RULES: readonly Rule[] = [
  { what: 'a job that succeeded was told and audited once', sql: ENDED_ONCE },
  {
    what: 'no job is open any more',
    sql: `SELECT kind, state, error_code FROM job WHERE finished_at IS NULL`,
  },
  {
    what: 'no visit waits any more',
    sql: `SELECT kind, state FROM visit WHERE state IN ('due', 'open')`,
  },
  {
    what: 'what lowers was done under a grant',
    sql: `SELECT j.kind, p.id FROM job j JOIN plan p ON p.id = j.plan_id
      WHERE j.state = 'succeeded' AND j.kind IN ('place_kit', 'set_boot_args')
        AND (convert_from(p.bytes, 'UTF8')::jsonb -> 'grant') IN ('null'::jsonb)`,
  },
  {
    what: 'each open plan of a Mac is its only one',
    sql: `SELECT host_id FROM plan WHERE state = 'open' GROUP BY host_id HAVING count(*) > 1`,
  },
];

export async function broken(bed: Bed): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { what, sql } of RULES)
    for (const row of await bed.sql(sql)) found.push(`${what}: ${JSON.stringify(row)}`);
  return found;
}
