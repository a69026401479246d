/** Enrolment tokens: made, listed without their texts, and ended before their time when one is out. */
import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { LABELS_PER_HOST_MAX } from '../hosts/labels.ts';
import { labelText } from '../policies/selector.ts';
import type { TokenService } from './token-service.ts';

const HOUR_MS = 3_600_000;

const tokenView = z.object({
  id: z.uuid(),
  labels: z.array(z.string()),
  usesLeft: z.number().int(),
  createdBy: z.string(),
  createdAt: isoDate,
  expiresAt: isoDate,
});

export function enrolTokenRoutes(database: Database, tokens: TokenService): readonly Route[] {
  return [
    route({
      id: 'createEnrolToken',
      method: 'POST',
      repeat: 'secret',
      path: '/api/v1/enrol-tokens',
      permission: 'enrol_token.create',
      summary: 'Makes a token with which Macs enrol. Its text is shown this once.',
      status: 201,
      body: z.strictObject({
        uses: z.number().int().min(1).max(10_000).default(1),
        expiresInHours: z
          .number()
          .int()
          .min(1)
          .max(24 * 90)
          .default(24),
        labels: z
          .array(labelText)
          .max(LABELS_PER_HOST_MAX)
          .default([])
          .describe('Given to each Mac that enrols with it.'),
      }),
      reply: z.object({ id: z.uuid(), token: z.string(), uses: z.number().int(), expiresAt: isoDate }),
      handle: async ({ body: { uses, expiresInHours, labels }, actor, now }) => {
        const expiresAt = new Date(now.getTime() + expiresInHours * HOUR_MS);
        const { id, text } = await tokens.create({ labels, uses, expiresAt, actor: actor.name });
        return { id, token: text, uses, expiresAt: expiresAt.toISOString() };
      },
    }),
    route({
      id: 'listEnrolTokens',
      method: 'GET',
      path: '/api/v1/enrol-tokens',
      permission: 'enrol_token.read',
      summary: 'Enrolment tokens, newest first, without their texts.',
      status: 200,
      query: z.object(pageQuery),
      reply: pageOf(tokenView),
      handle: async ({ query: { limit, cursor } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.enrolToken.findMany({
          where: before === null ? {} : { id: { lt: before } },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return toPage(rows, limit, ({ id }) => id, showToken);
      },
    }),
    route({
      id: 'revokeEnrolToken',
      method: 'DELETE',
      path: '/api/v1/enrol-tokens/{id}',
      permission: 'enrol_token.revoke',
      summary:
        'Ends a token now: it lets no further Mac in. Macs that came in with it stay; their certificates are revoked one by one.',
      status: 200,
      params: idParams,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params: { id }, actor }) => {
        await tokens.revoke(id, actor.name);
        return { id };
      },
    }),
  ];
}

type TokenRecord = NonNullable<Awaited<ReturnType<Database['prisma']['enrolToken']['findFirst']>>>;

function showToken({ id, labels, usesLeft, createdBy, createdAt, expiresAt }: TokenRecord): z.input<typeof tokenView> {
  const times = { createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() };
  return { id, labels, usesLeft, createdBy, ...times };
}
