/** The jobs that agents say they ended, locked. */
import type pg from 'pg';
import type { JobState } from './job-life.ts';
import type { Lane } from './job-store.ts';

export interface JobToFinish {
  readonly id: string;
  readonly hostId: string;
  readonly lane: Lane;
  readonly kind: string;
  readonly state: JobState;
  readonly stepIndex: number;
  readonly attempts: number;
  readonly leaseNumber: number;
  readonly leaseSession: string | null;
  readonly planId: string | null;
  readonly generation: string | null;
  readonly newestGeneration: string | null;
  readonly bytes: Buffer | null;
}

/** $1 jobs and $2 the host of each. */
const LOCK = `
  SELECT j.id, j.host_id AS "hostId", j.lane, j.kind, j.state, j.step_index AS "stepIndex", j.attempts,
    j.lease_number AS "leaseNumber", j.lease_session AS "leaseSession", j.plan_id AS "planId", p.generation, p.bytes,
    (SELECT max(generation) FROM plan WHERE host_id = j.host_id) AS "newestGeneration"
  FROM unnest($1::uuid[], $2::uuid[]) AS asked(id, host_id)
    JOIN job j ON j.id = asked.id AND j.host_id = asked.host_id LEFT JOIN plan p ON p.id = j.plan_id
  FOR UPDATE OF j`;
const LOCK_JOBS = { name: 'lock_jobs', text: `${LOCK} SKIP LOCKED` };
const LOCK_JOB = { name: 'lock_job', text: LOCK };

export interface JobName {
  readonly jobId: string;
  readonly hostId: string;
}

export function keyOf({ jobId, hostId }: JobName): string {
  return `${hostId}/${jobId}`;
}

/** By `keyOf`. The caller holds the locks of the hosts. A job that somebody else holds (a lease, the sweep) is left out, unless `wait` is set. */
export async function lockJobs(
  client: pg.ClientBase,
  names: readonly JobName[],
  wait: boolean,
): Promise<ReadonlyMap<string, JobToFinish>> {
  const values = [names.map(({ jobId }) => jobId), names.map(({ hostId }) => hostId)];
  const { rows } = await client.query<JobToFinish>({ ...(wait ? LOCK_JOB : LOCK_JOBS), values });
  return new Map(rows.map((row) => [keyOf({ jobId: row.id, hostId: row.hostId }), row]));
}
