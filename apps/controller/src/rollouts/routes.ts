import { TARGET_STATES } from '@headroom/core';
import { z } from 'zod';
import { idParams, isoDate, pageOf, pageQuery } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { equals, filterQuery, listedPage } from '../filters/list-filter.ts';
import { ROLLOUT_FIELDS, ROLLOUT_TABLES, TARGET_FIELDS, TARGET_TABLES } from './rollout-filter.ts';
import { progressView, rolloutProgress, rolloutRow, rolloutRows, shownEtag } from './rollout-view.ts';

const target = z.object({
  hostId: z.uuid(),
  host: z.string(),
  ring: z.number().int(),
  state: z.string(),
  hostState: z.string(),
  reason: z.string().nullable().describe('Why it failed, or what it waits for.'),
  openedAt: isoDate.nullable(),
  endedAt: isoDate.nullable(),
});
/** Targets shown with one rollout: those still open first. */
const TARGETS_SHOWN = 200;

export function rolloutRoutes(database: Database): readonly Route[] {
  return [
    route({
      id: 'listRollouts',
      method: 'GET',
      path: '/api/v1/rollouts',
      permission: 'rollout.read',
      summary: 'Rollouts, newest first.',
      status: 200,
      query: z.object({ ...pageQuery, filter: filterQuery(ROLLOUT_FIELDS, 'state=in=(running,halted)') }),
      reply: pageOf(rolloutRow),
      handle: ({ query }) => {
        const page = { tables: ROLLOUT_TABLES, id: 'r.id', fields: ROLLOUT_FIELDS, ...query, order: 'DESC' } as const;
        return listedPage(database, page, async (ids) => {
          const where = { id: { in: ids } };
          return rolloutRows(database, await database.prisma.rollout.findMany({ where, orderBy: { id: 'desc' } }));
        });
      },
    }),
    route({
      id: 'getRollout',
      method: 'GET',
      path: '/api/v1/rollouts/{id}',
      permission: 'rollout.read',
      summary: 'Where a rollout is, and what each of its Macs waits for.',
      status: 200,
      params: idParams,
      reply: rolloutRow.extend({
        progress: progressView,
        strategy: z.record(z.string(), z.unknown()).nullable().describe('Null = one ring, at once.'),
        waitsFor: z.array(z.object({ reason: z.string(), hosts: z.number().int() })),
        targetList: z
          .array(target)
          .describe(`At most ${TARGETS_SHOWN}, those still open first; all of them: \`/targets\`.`),
      }),
      etag: shownEtag,
      handle: async ({ params: { id }, now }) => {
        const rollout = await database.prisma.rollout.findUnique({ where: { id } });
        if (rollout === null) throw new Problem('NOT_FOUND', `There is no rollout ${id}.`);
        const [row] = await rolloutRows(database, [rollout]);
        if (row === undefined) throw new Problem('NOT_FOUND', `There is no rollout ${id}.`);
        return {
          ...row,
          progress: await rolloutProgress(database, rollout, now),
          strategy: rollout.strategy as Record<string, unknown> | null,
          waitsFor: await waitsFor(database, id),
          targetList: await firstTargets(database, id),
        };
      },
    }),
    route({
      id: 'listRolloutTargets',
      method: 'GET',
      path: '/api/v1/rollouts/{id}/targets',
      permission: 'rollout.read',
      summary: 'Every Mac of a rollout, in the order of enrolment.',
      status: 200,
      params: idParams,
      query: z.object({
        ...pageQuery,
        state: z.enum(TARGET_STATES).optional(),
        filter: filterQuery(TARGET_FIELDS, 'state=in=(failed,stuck);ring==0'),
      }),
      reply: pageOf(target),
      handle: async ({ params: { id: rolloutId }, query: { state, ...query } }) => {
        if ((await database.prisma.rollout.count({ where: { id: rolloutId } })) === 0)
          throw new Problem('NOT_FOUND', `There is no rollout ${rolloutId}.`);
        const page = {
          ...{ tables: TARGET_TABLES, id: 't.host_id', fields: TARGET_FIELDS, ...query, asked: equals({ state }) },
          own: { sql: 't.rollout_id = $1::uuid', values: [rolloutId] },
          order: 'ASC',
        } as const;
        return listedPage(database, page, async (ids) => {
          const where = { rolloutId, hostId: { in: ids } };
          const rows = await database.prisma.rolloutTarget.findMany({ where, orderBy: { hostId: 'asc' } });
          return shownTargets(database, rows);
        });
      },
    }),
  ];
}

async function waitsFor(database: Database, rolloutId: string) {
  const groups = await database.prisma.rolloutTarget.groupBy({
    by: ['reason'],
    where: { rolloutId, state: { in: ['pending', 'opened'] }, reason: { not: null } },
    _count: { _all: true },
    orderBy: { _count: { hostId: 'desc' } },
    take: 20,
  });
  return groups.map(({ reason, _count }) => ({ reason: reason ?? '', hosts: _count._all }));
}

async function firstTargets(database: Database, rolloutId: string) {
  const rows = await database.prisma.rolloutTarget.findMany({
    where: { rolloutId },
    orderBy: [{ endedAt: { sort: 'desc', nulls: 'first' } }, { hostId: 'asc' }],
    take: TARGETS_SHOWN,
  });
  return shownTargets(database, rows);
}

type TargetRecord = Awaited<ReturnType<Database['prisma']['rolloutTarget']['findMany']>>[number];

async function shownTargets(database: Database, targets: readonly TargetRecord[]) {
  const hosts = await database.prisma.host.findMany({
    where: { id: { in: targets.map(({ hostId }) => hostId) } },
    include: { state: { select: { state: true } } },
  });
  const byId = new Map(hosts.map((host) => [host.id, host]));
  return targets.map(({ hostId, ring, state, reason, openedAt, endedAt }) => ({
    hostId,
    ring,
    host: byId.get(hostId)?.name ?? hostId,
    state,
    hostState: byId.get(hostId)?.state?.state ?? 'no_facts',
    reason,
    openedAt: openedAt?.toISOString() ?? null,
    endedAt: endedAt?.toISOString() ?? null,
  }));
}
