import { z } from 'zod';
import { visitEtag } from '../api/etag.ts';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { showVisit, visitView } from './visit-view.ts';
import type { Visits } from './visits.ts';

const listed = visitView.extend({ host: z.string() });

export function visitRoutes(database: Database, visits: Visits): readonly Route[] {
  return [
    route({
      id: 'listVisits',
      method: 'GET',
      path: '/api/v1/visits',
      permission: 'visit.read',
      summary: 'Work for people, oldest first.',
      status: 200,
      query: z.object({ ...pageQuery, state: z.enum(['due', 'open', 'closed', 'withdrawn']).optional() }),
      reply: pageOf(listed),
      handle: async ({ query: { limit, cursor, state } }) => {
        const after = decodeCursor(cursor);
        const rows = await database.prisma.visit.findMany({
          where: { ...(state !== undefined && { state }), ...(after !== null && { id: { gt: after } }) },
          orderBy: { id: 'asc' },
          take: limit + 1,
        });
        const names = await hostNames(
          database,
          rows.map(({ hostId }) => hostId),
        );
        return toPage(
          rows,
          limit,
          ({ id }) => id,
          (row) => ({ ...showVisit(row), host: names.get(row.hostId) ?? row.hostId }),
        );
      },
    }),
    route({
      id: 'getVisit',
      method: 'GET',
      path: '/api/v1/visits/{id}',
      permission: 'visit.read',
      summary: 'One visit.',
      status: 200,
      params: idParams,
      reply: listed,
      etag: visitEtag,
      handle: async ({ params: { id } }) => {
        const visit = await database.prisma.visit.findUnique({ where: { id } });
        if (visit === null) throw new Problem('NOT_FOUND', `There is no visit ${id}.`);
        const names = await hostNames(database, [visit.hostId]);
        return { ...showVisit(visit), host: names.get(visit.hostId) ?? visit.hostId };
      },
    }),
    route({
      id: 'openVisit',
      method: 'POST',
      repeat: 'again',
      conditional: true,
      path: '/api/v1/visits/{id}/open',
      permission: 'visit.open',
      summary: 'Opens a visit and gives the line to type. Asking again gives the same line.',
      status: 200,
      params: idParams,
      reply: z.object({
        id: z.uuid(),
        hostId: z.uuid(),
        kind: z.string(),
        code: z.string().nullable(),
        line: z.string().nullable().describe('To type in the Terminal of recoveryOS; null for a restart.'),
        instruction: z.string(),
        openedAt: isoDate,
      }),
      handle: async ({ params, actor, now, ifMatch }) => {
        const { openedAt, ...opened } = await visits.open(params.id, actor.name, now, ifMatch);
        return { ...opened, openedAt: openedAt.toISOString() };
      },
    }),
    route({
      id: 'addVisitNote',
      method: 'POST',
      path: '/api/v1/visits/{id}/note',
      permission: 'visit.note',
      summary: 'Adds a line to the timeline. It changes nothing else: only evidence ends a visit.',
      status: 201,
      params: idParams,
      body: z.strictObject({ text: z.string().trim().min(1).max(2000) }),
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, body, actor, now }) => {
        await visits.addNote(params.id, body.text, actor.name, now);
        return { id: params.id };
      },
    }),
  ];
}

async function hostNames(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const hosts = await database.prisma.host.findMany({
    where: { id: { in: [...ids] } },
    select: { id: true, name: true },
  });
  return new Map(hosts.map(({ id, name }) => [id, name]));
}
