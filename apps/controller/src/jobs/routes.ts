import { JOB_KINDS } from '@headroom/core';
import { z } from 'zod';
import { decodeCursor, idParams, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { equals, filterQuery, listedRows } from '../filters/list-filter.ts';
import { JOB_COLUMNS, ONE_JOB } from './job-end-sql.ts';
import type { JobEnds } from './job-ends.ts';
import { JOB_FIELDS, JOB_TABLES } from './job-filter.ts';
import { JOB_STATES } from './job-life.ts';
import { type JobRecord, jobView, showJob } from './job-view.ts';

/** Replayed by one call. */
const REPLAYED_MAX = 500;

const JOB_FILTER = filterQuery(JOB_FIELDS, 'state=in=(failed,dead);kind==install_kdk');

const filter = {
  host: z.uuid().optional().describe('Jobs of this Mac.'),
  kind: z.enum(JOB_KINDS).optional(),
  errorCode: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,63}$/)
    .optional(),
};

/** All but `filter` are called as fields of the list. */
type JobQuery = Readonly<Record<string, string | undefined>>;

export function jobRoutes(database: Database, ends: JobEnds, clock: Clock): readonly Route[] {
  const list = ({ filter: text, ...sent }: JobQuery, after: string | null, take: number) => {
    const what = { tables: JOB_TABLES, id: 'j.id', fields: JOB_FIELDS, filter: text, asked: equals(sent) };
    return listedRows<JobRecord>(database, JOB_COLUMNS, { ...what, order: 'DESC', after, take });
  };
  const one = async (id: string) => {
    const { rows } = await database.pool.query<JobRecord>(ONE_JOB, [id]);
    const [job] = rows;
    if (job === undefined) throw new Problem('NOT_FOUND', `There is no job ${id}.`);
    return showJob(job);
  };
  return [
    route({
      id: 'listJobs',
      method: 'GET',
      path: '/api/v1/jobs',
      permission: 'job.read',
      summary: 'Jobs, newest first. `replayable=true` = dead letters: what ended badly and waits for somebody.',
      status: 200,
      query: z.object({
        ...pageQuery,
        ...filter,
        filter: JOB_FILTER,
        state: z.enum(JOB_STATES).optional(),
        replayable: z.literal('true').optional(),
      }),
      reply: pageOf(jobView),
      handle: async ({ query: { limit, cursor, ...wanted } }) => {
        const rows = await list(wanted, decodeCursor(cursor), limit + 1);
        return toPage(rows, limit, ({ id }) => id, showJob);
      },
    }),
    route({
      id: 'getJob',
      method: 'GET',
      path: '/api/v1/jobs/{id}',
      permission: 'job.read',
      summary: 'One job: what it waits for, its last line, how it ended.',
      status: 200,
      params: idParams,
      reply: jobView,
      handle: ({ params: { id } }) => one(id),
    }),
    route({
      id: 'cancelJob',
      method: 'POST',
      repeat: 'again',
      path: '/api/v1/jobs/{id}/cancel',
      permission: 'job.cancel',
      summary: 'Cancels a job and its plan. `cancelling` = its Mac is asked to stop; a step may still come to its end.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason: z.string().trim().min(1).max(500) }),
      reply: jobView,
      handle: async ({ params: { id }, body: { reason }, actor, now }) => {
        await ends.cancel({ jobId: id, actor: actor.name, now }, reason);
        return one(id);
      },
    }),
    route({
      id: 'replayJob',
      method: 'POST',
      path: '/api/v1/jobs/{id}/replay',
      permission: 'job.replay',
      summary: 'Plans anew what a job that ended badly was for, from the facts of now.',
      status: 202,
      params: idParams,
      reply: jobView,
      handle: async ({ params: { id }, actor, now }) => {
        await ends.replay({ jobId: id, actor: actor.name, now });
        return one(id);
      },
    }),
    route({
      id: 'replayJobs',
      method: 'POST',
      path: '/api/v1/jobs/replay',
      permission: 'job.replay',
      summary: `Replays the dead letters that fit, newest first, at most ${REPLAYED_MAX} with one call.`,
      status: 202,
      body: z.strictObject(filter),
      reply: z.object({ replayed: z.number().int(), more: z.boolean() }),
      handle: async ({ body, actor }) => {
        const rows = await list({ ...body, replayable: 'true' }, null, REPLAYED_MAX + 1);
        let replayed = 0;
        // Each at its own time: by the last of so many, the one of the request would be too long ago for those who watch.
        for (const { id: jobId } of rows.slice(0, REPLAYED_MAX))
          if (await replayedOr(ends.replay({ jobId, actor: actor.name, now: clock.now() }))) replayed += 1;
        return { replayed, more: rows.length > REPLAYED_MAX };
      },
    }),
  ];
}

/** false = the Mac went on meanwhile, which is as good. */
async function replayedOr(replay: Promise<void>): Promise<boolean> {
  try {
    await replay;
    return true;
  } catch (error) {
    if (error instanceof Problem && error.code === 'JOB_NOT_REPLAYABLE') return false;
    throw error;
  }
}
