/**
 * Postgres keeps the plan of a named statement, and the first one is made while the fleet is new. None of those that every agent's
 * call runs may read all of a table that grows with work: with a thousand jobs that is cheap, and it would go on with a million.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STORE_CHANGES } from '../../apps/controller/src/agents/host-changes-sql.ts';
import { LEASE, WORK_AVAILABLE } from '../../apps/controller/src/jobs/job-sql.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { keptWholeReads } from './support/plans.ts';

const HOSTS = 500;
const JOBS_EACH = 4;
const GROWING = new Set(['plan', 'plan_pkey', 'job', 'job_pkey', 'job_host_id_id_idx']);
const id = (kind: number, n: string) => `('019a0000-0000-7${kind}00-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const hosts = `generate_series(1, ${HOSTS}) h`;
const FILL = [
  `INSERT INTO host (id, site_id, hardware_uuid, name, simulated, enrolled_at)
   SELECT ${id(1, 'h')}, $1, 'UUID-' || h, 'mac-' || h, true, now() FROM ${hosts}`,
  `INSERT INTO host_report (host_id, site_id, session_number) SELECT ${id(1, 'h')}, $1, 5 FROM ${hosts}`,
  `INSERT INTO host_state (host_id, site_id, state_since) SELECT ${id(1, 'h')}, $1, now() FROM ${hosts}`,
  `INSERT INTO plan (id, site_id, host_id, generation, intent_number, bytes, signature, state, created_at)
   SELECT ${id(2, 'h')}, $1, ${id(1, 'h')}, 1, 1, '{}', '', 'open', now() FROM ${hosts}`,
  `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, created_at)
   SELECT ${id(3, `h * ${JOBS_EACH} + j`)}, $1, ${id(1, 'h')}, ${id(2, 'h')}, 'plan', j, 'collect_facts',
     CASE WHEN j = ${JOBS_EACH} THEN 'queued' ELSE 'succeeded' END, now() FROM ${hosts}, generate_series(1, ${JOBS_EACH}) j`,
];

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
  for (const sql of FILL) await db.database.pool.query(sql, [db.database.siteId]);
  await db.database.pool.query('ANALYZE');
});
afterAll(() => db?.stop());

it.each([WORK_AVAILABLE, LEASE, STORE_CHANGES])(
  '$name finds its rows by key from the first plan on',
  async ({ text }) => {
    expect(await keptWholeReads(db.database.pool, text, GROWING)).toEqual([]);
  },
);

it('a statement that joins a list and says no key would read all jobs', async () => {
  const text = `UPDATE job j SET state = v.state FROM jsonb_to_recordset($1::jsonb) AS v(id uuid, state text) WHERE j.id = v.id`;
  expect(await keptWholeReads(db.database.pool, text, GROWING)).toEqual(['Seq Scan on job']);
});
