import { z } from 'zod';
import { hostEtag } from '../api/etag.ts';
import { idParams, pageOf } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { labelText } from '../policies/selector.ts';
import { hostListQuery, hostRow, listHosts } from './host-list.ts';
import { hostView, viewHost } from './host-view.ts';
import { setLabel } from './labels.ts';
import type { HostEnds } from './retire.ts';

const labelParams = z.object({ id: z.uuid(), label: labelText });
const labelsReply = z.object({ id: z.uuid(), name: z.string(), labels: z.array(z.string()) });
const reason = z.string().trim().min(1).max(500).describe('Stands in the audit and in the timeline.');

export function hostRoutes(database: Database, ends: HostEnds): readonly Route[] {
  return [
    route({
      id: 'listHosts',
      method: 'GET',
      path: '/api/v1/hosts',
      permission: 'host.read',
      summary: 'Macs, in the order of enrolment.',
      status: 200,
      query: hostListQuery,
      reply: pageOf(hostRow),
      handle: ({ query }) => listHosts(database, query),
    }),
    route({
      id: 'getHost',
      method: 'GET',
      path: '/api/v1/hosts/{id}',
      permission: 'host.read',
      summary: 'One Mac: state, findings with evidence, facts, intent, plan, visit, timeline.',
      status: 200,
      params: idParams,
      reply: hostView,
      etag: hostEtag,
      handle: ({ params }) => viewHost(database, params.id),
    }),
    labelRoute(database, { id: 'putLabel', method: 'PUT', summary: 'Gives a Mac a label.' }),
    labelRoute(database, { id: 'deleteLabel', method: 'DELETE', summary: 'Takes a label away.' }),
    route({
      id: 'retireHost',
      method: 'POST',
      path: '/api/v1/hosts/{id}/retire',
      permission: 'host.retire',
      summary:
        'Ends a host: its certificates are revoked and its work ends. Refused while it may be raised, or led back to stock first.',
      status: 200,
      params: idParams,
      body: z.strictObject({
        reason,
        revertFirst: z
          .boolean()
          .default(false)
          .describe('Lead it back to stock, and retire it once that is proven and nothing of Headroom is left on it.'),
      }),
      reply: z.object({
        id: z.uuid(),
        retired: z.boolean(),
        rolloutId: z.uuid().nullable().describe('Leads it back first.'),
      }),
      handle: async ({ params: { id }, body, actor, now }) => {
        const order = { hostId: id, reason: body.reason, actor: actor.name, now };
        const rolloutId = await ends.retire(order, body.revertFirst);
        return { id, retired: rolloutId === null, rolloutId };
      },
    }),
    route({
      id: 'forgetHost',
      method: 'POST',
      path: '/api/v1/hosts/{id}/forget',
      permission: 'host.forget',
      summary:
        'Ends a Mac that is dead or stolen, whatever its state: certificates revoked, work ended, visit withdrawn. Nothing is proven of it.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason: reason.min(3) }),
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params: { id }, body, actor, now }) => {
        await ends.forget({ hostId: id, reason: body.reason, actor: actor.name, now });
        return { id };
      },
    }),
    route({
      id: 'revokeCertificates',
      method: 'POST',
      path: '/api/v1/hosts/{id}/certificates/revoke',
      permission: 'certificate.revoke',
      summary: 'Revokes every certificate of a Mac and cuts its live streams. It has to enrol again.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason }),
      reply: z.object({ id: z.uuid(), serials: z.array(z.string()) }),
      handle: async ({ params: { id }, body, actor, now }) => {
        const order = { hostId: id, reason: body.reason, actor: actor.name, now };
        return { id, serials: [...(await ends.revokeCertificates(order))] };
      },
    }),
  ];
}

/** PUT gives the label, DELETE takes it away. */
function labelRoute(
  database: Database,
  { id, method, summary }: Pick<Route, 'id' | 'summary'> & { method: 'PUT' | 'DELETE' },
) {
  return route({
    id,
    method,
    path: '/api/v1/hosts/{id}/labels/{label}',
    permission: 'host.label',
    summary: `${summary} What policies make of it is a rollout, never a silent change.`,
    status: 200,
    params: labelParams,
    conditional: true,
    reply: labelsReply,
    etag: hostEtag,
    handle: ({ params, actor, now, ifMatch }) =>
      setLabel(database, {
        hostId: params.id,
        label: params.label,
        present: method === 'PUT',
        actor: actor.name,
        now,
        ifMatch,
      }),
  });
}
