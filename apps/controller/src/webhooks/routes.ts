import { z } from 'zod';
import { webhookEtag } from '../api/etag.ts';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import type { WebhookKey } from '../keys/webhook-key.ts';
import { SUBSCRIPTIONS } from './event-types.ts';
import { URL_CHARS_MAX, urlProblem } from './webhook-url.ts';
import {
  DELIVERY_STATES,
  deliveryView,
  subscription,
  viewDelivery,
  viewWebhooks,
  webhookView,
} from './webhook-view.ts';
import type { Webhooks } from './webhooks.ts';

const EVENTS_MAX = SUBSCRIPTIONS.length;

const fields = {
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/, 'a name has 1 to 63 of A-Z a-z 0-9 . _ @ -'),
  url: z
    .string()
    .max(URL_CHARS_MAX)
    .check(({ value, issues }) => {
      const message = urlProblem(value);
      if (message !== null) issues.push({ code: 'custom', message, input: value });
    })
    .describe('https, or http to this machine. Put no secret in it: messages are signed.'),
  events: z.array(subscription).min(1).max(EVENTS_MAX),
};
const eventParams = idParams.extend({ eventId: z.uuid() });
const publicKey = z.object({
  publicKey: z.string().describe('`whpk_` and base64 of the 32 bytes of the Ed25519 key.'),
  publicKeyPem: z.string(),
  until: isoDate.nullable().describe('When it stops signing; null = it is the present one.'),
});

export function webhookRoutes(
  database: Database,
  webhooks: Webhooks,
  key: WebhookKey,
  send: () => void,
): readonly Route[] {
  return [
    route({
      id: 'createWebhook',
      method: 'POST',
      path: '/api/v1/webhooks',
      permission: 'webhook.write',
      summary: 'Makes a webhook: what happens from now on is sent to it, signed (docs/webhooks.md).',
      status: 201,
      body: z.strictObject(fields),
      reply: webhookView,
      etag: webhookEtag,
      handle: async ({ body, actor, now }) => one((await webhooks.create(body, actor.name, now)).id),
    }),
    route({
      id: 'listWebhooks',
      method: 'GET',
      path: '/api/v1/webhooks',
      permission: 'webhook.read',
      summary: 'Webhooks, newest first, with what waits for each and since when it fails.',
      status: 200,
      query: z.object(pageQuery),
      reply: pageOf(webhookView),
      handle: async ({ query: { limit, cursor } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.webhook.findMany({
          where: before === null ? {} : { id: { lt: before } },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        const views = await viewWebhooks(database, rows);
        return toPage(
          views,
          limit,
          ({ id }) => id,
          (view) => view,
        );
      },
    }),
    route({
      id: 'getWebhook',
      method: 'GET',
      path: '/api/v1/webhooks/{id}',
      permission: 'webhook.read',
      summary: 'One webhook.',
      status: 200,
      params: idParams,
      reply: webhookView,
      etag: webhookEtag,
      handle: ({ params: { id } }) => one(id),
    }),
    route({
      id: 'changeWebhook',
      method: 'PATCH',
      path: '/api/v1/webhooks/{id}',
      permission: 'webhook.write',
      summary:
        'Changes the named fields. While it is `off` nothing new is kept for it, and what waits goes on waiting.',
      status: 200,
      conditional: true,
      params: idParams,
      body: z.strictObject({ ...fields, state: z.enum(['on', 'off']) }).partial(),
      reply: webhookView,
      etag: webhookEtag,
      handle: async ({ params: { id }, body, actor, now, ifMatch }) => {
        await webhooks.change({ id, actor: actor.name, now }, body, ifMatch);
        send();
        return one(id);
      },
    }),
    route({
      id: 'deleteWebhook',
      method: 'DELETE',
      path: '/api/v1/webhooks/{id}',
      permission: 'webhook.write',
      summary: 'Removes a webhook and its deliveries, those that wait too.',
      status: 200,
      conditional: true,
      params: idParams,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params: { id }, actor, now, ifMatch }) => {
        await webhooks.remove({ id, actor: actor.name, now }, ifMatch);
        return { id };
      },
    }),
    route({
      id: 'testWebhook',
      method: 'POST',
      path: '/api/v1/webhooks/{id}/test',
      permission: 'webhook.write',
      summary: 'Sends a `ping`; its delivery says how it went.',
      status: 202,
      params: idParams,
      reply: z.object({ eventId: z.uuid() }),
      handle: async ({ params: { id }, actor, now }) => {
        const eventId = await webhooks.test({ id, actor: actor.name, now });
        send();
        return { eventId };
      },
    }),
    route({
      id: 'listWebhookDeliveries',
      method: 'GET',
      path: '/api/v1/webhooks/{id}/deliveries',
      permission: 'webhook.read',
      summary:
        'Deliveries of a webhook, newest event first. Those that ended are kept for 7 days, dead letters for 30.',
      status: 200,
      params: idParams,
      query: z.object({ ...pageQuery, state: z.enum(DELIVERY_STATES).optional() }),
      reply: pageOf(deliveryView),
      handle: async ({ params: { id }, query: { limit, cursor, state } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.webhookDelivery.findMany({
          where: {
            webhookId: id,
            ...(state !== undefined && { state }),
            ...(before !== null && { eventId: { lt: before } }),
          },
          orderBy: { eventId: 'desc' },
          take: limit + 1,
        });
        return toPage(rows, limit, ({ eventId }) => eventId, viewDelivery);
      },
    }),
    route({
      id: 'replayWebhookDelivery',
      method: 'POST',
      path: '/api/v1/webhooks/{id}/deliveries/{eventId}/replay',
      permission: 'webhook.write',
      summary: 'Sends an ended delivery again, with the same `webhook-id` and body.',
      status: 202,
      params: eventParams,
      reply: z.object({ replayed: z.number().int() }),
      handle: ({ params: { id, eventId }, actor, now }) => replay({ id, actor: actor.name, now }, eventId),
    }),
    route({
      id: 'replayDeadDeliveries',
      method: 'POST',
      path: '/api/v1/webhooks/{id}/replay-dead',
      permission: 'webhook.write',
      summary: 'Sends all dead letters of a webhook again.',
      status: 202,
      params: idParams,
      reply: z.object({ replayed: z.number().int() }),
      handle: ({ params: { id }, actor, now }) => replay({ id, actor: actor.name, now }, null),
    }),
    route({
      id: 'listWebhookKeys',
      method: 'GET',
      path: '/api/v1/webhook-keys',
      permission: 'me.read',
      summary: 'Public keys that messages are signed with: the present one, and the one before while it still signs.',
      status: 200,
      reply: z.object({ items: z.array(publicKey) }),
      handle: ({ now }) => ({
        items: key.publicKeys(now).map(({ until, ...rest }) => ({ ...rest, until: until?.toISOString() ?? null })),
      }),
    }),
  ];

  async function one(id: string): Promise<z.input<typeof webhookView>> {
    const row = await database.prisma.webhook.findUnique({ where: { id } });
    const [view] = row === null ? [] : await viewWebhooks(database, [row]);
    if (view === undefined) throw new Problem('NOT_FOUND', `There is no webhook ${id}.`);
    return view;
  }

  async function replay(order: { id: string; actor: string; now: Date }, eventId: string | null) {
    const replayed = await webhooks.replay(order, eventId);
    send();
    return { replayed };
  }
}
