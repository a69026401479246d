import { z } from 'zod';
import { visitEtag } from '../api/etag.ts';
import { idParams, isoDate, pageOf } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { listVisits, oneVisit, visitListQuery, visitRoute, visitRouteQuery } from './visit-list.ts';
import { listedVisit } from './visit-view.ts';
import type { Visits } from './visits.ts';

/** What a technician reads and says. */
export function visitRoutes(database: Database, visits: Visits): readonly Route[] {
  return [
    route({
      id: 'listVisits',
      method: 'GET',
      path: '/api/v1/visits',
      permission: 'visit.read',
      summary: 'Work for people, oldest first.',
      status: 200,
      query: visitListQuery,
      reply: pageOf(listedVisit),
      handle: ({ query }) => listVisits(database, query),
    }),
    route({
      id: 'getVisitRoute',
      method: 'GET',
      path: '/api/v1/visit-route',
      permission: 'visit.read',
      summary: 'The visits that wait, place by place in the order in which one walks.',
      status: 200,
      query: visitRouteQuery,
      reply: z.object({
        stops: z.array(
          z.object({ location: z.string().nullable(), place: z.string().nullable(), visits: z.array(listedVisit) }),
        ),
        more: z.boolean().describe('true = these are only the ones that are due first.'),
      }),
      handle: ({ query }) => visitRoute(database, query),
    }),
    route({
      id: 'getVisit',
      method: 'GET',
      path: '/api/v1/visits/{id}',
      permission: 'visit.read',
      summary: 'One visit.',
      status: 200,
      params: idParams,
      reply: listedVisit,
      etag: visitEtag,
      handle: ({ params }) => oneVisit(database, params.id),
    }),
    route({
      id: 'openVisit',
      method: 'POST',
      repeat: 'again',
      conditional: true,
      path: '/api/v1/visits/{id}/open',
      permission: 'visit.open',
      summary: 'Opens a visit and gives the line to type; its Mac is drained. Asking again gives the same line.',
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
      summary: 'Adds a line to the timeline. Only evidence ends a visit; the note "done" is POST …/done as well.',
      status: 201,
      params: idParams,
      body: z.strictObject({ text: z.string().trim().min(1).max(2000) }),
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, body, actor, now }) => {
        await visits.addNote(params.id, body.text, actor.name, now);
        return { id: params.id };
      },
    }),
    route({
      id: 'sayVisitDone',
      method: 'POST',
      path: '/api/v1/visits/{id}/done',
      permission: 'visit.note',
      summary: 'The work at the Mac is done: it is overdue unless it is heard of within minutes. It ends nothing.',
      status: 200,
      params: idParams,
      reply: listedVisit,
      handle: async ({ params, actor, now }) => {
        await visits.done(params.id, actor.name, now);
        return oneVisit(database, params.id);
      },
    }),
  ];
}
