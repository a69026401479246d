import { z } from 'zod';
import { askedTime } from '../api/asked.ts';
import { visitEtag } from '../api/etag.ts';
import { idParams } from '../api/paging.ts';
import { type Call, type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { oneVisit } from './visit-list.ts';
import type { PlanningOrder, VisitPlanning } from './visit-planning.ts';
import { listedVisit } from './visit-view.ts';

const reason = z.string().trim().min(1).max(500);

/** What somebody who plans the day does with visits. Each answers with the visit as it is then. */
export function planningRoutes(database: Database, planning: VisitPlanning): readonly Route[] {
  const shown = async (id: string, change: Promise<void>) => {
    await change;
    return oneVisit(database, id);
  };
  const same = {
    method: 'POST',
    permission: 'visit.plan',
    conditional: true,
    status: 200,
    params: idParams,
    reply: listedVisit,
    etag: visitEtag,
  } as const;
  return [
    route({
      ...same,
      id: 'assignVisit',
      path: '/api/v1/visits/{id}/assign',
      summary: 'Gives a visit to somebody; null = to nobody.',
      body: z.strictObject({ owner: z.string().trim().min(1).max(100).nullable() }),
      handle: (call) => shown(call.params.id, planning.assign(orderOf(call), call.body.owner)),
    }),
    route({
      ...same,
      id: 'postponeVisit',
      path: '/api/v1/visits/{id}/postpone',
      summary: 'Sets when a visit is due: after now.',
      body: z.strictObject({ dueAt: askedTime, reason: reason.nullable().default(null) }),
      handle: (call) =>
        shown(call.params.id, planning.postpone(orderOf(call), new Date(call.body.dueAt), call.body.reason)),
    }),
    route({
      ...same,
      id: 'drainVisit',
      path: '/api/v1/visits/{id}/drain',
      summary: 'Asks the Mac of a visit, and whoever runs guests on it, to take no new ones. Opening it does so too.',
      handle: (call) => shown(call.params.id, planning.drain(orderOf(call))),
    }),
    route({
      ...same,
      id: 'cancelVisit',
      path: '/api/v1/visits/{id}/cancel',
      summary: 'Nobody goes now: the drain is over, and an opened visit is due again. The need for it stays.',
      body: z.strictObject({ reason: reason.describe('Stands in the timeline and in the audit.') }),
      handle: (call) => shown(call.params.id, planning.cancel(orderOf(call), call.body.reason)),
    }),
  ];
}

function orderOf({ params, actor, now, ifMatch }: Call<{ id: string }, unknown, unknown>): PlanningOrder {
  return { id: params.id, actor: actor.name, now, ifMatch };
}
