import { z } from 'zod';
import { placeEtag } from '../api/etag.ts';
import { idParams } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { selectorInput } from '../policies/selector.ts';
import { placeInput, placeView } from './place.ts';
import type { HostPlaces } from './place-store.ts';

export function placeRoutes(places: HostPlaces): readonly Route[] {
  return [
    route({
      id: 'getPlace',
      method: 'GET',
      path: '/api/v1/hosts/{id}/place',
      permission: 'host.read',
      summary: 'Where a Mac stands and what a visit to it takes, as admins keep it. Null = not known.',
      status: 200,
      params: idParams,
      reply: placeView,
      etag: placeEtag,
      handle: ({ params }) => places.get(params.id),
    }),
    route({
      id: 'changePlace',
      method: 'PATCH',
      path: '/api/v1/hosts/{id}/place',
      permission: 'host.place',
      summary: 'Changes the named fields; null = not known. No password is kept, only where to find it.',
      status: 200,
      conditional: true,
      params: idParams,
      body: placeInput,
      reply: placeView,
      etag: placeEtag,
      handle: ({ params, body, actor, now, ifMatch }) =>
        places.change(params.id, { set: body, actor: actor.name, now }, ifMatch),
    }),
    route({
      id: 'changePlaces',
      method: 'PATCH',
      path: '/api/v1/places',
      permission: 'host.place',
      summary: 'The same change for many Macs: those that the selection surely means.',
      status: 200,
      body: z.strictObject({ selector: selectorInput, set: placeInput }),
      reply: z.object({ hosts: z.number().int().describe('How many Macs were changed.') }),
      handle: async ({ body: { selector, set }, actor, now }) => {
        const changed = await places.changeMany(selector, { set, actor: actor.name, now });
        return { hosts: changed.length };
      },
    }),
  ];
}
