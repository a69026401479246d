import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import type { Prisma } from '../db/generated/client.ts';
import { acceptanceInput, type UpdateAcceptances } from './acceptances.ts';

const acceptanceView = z.object({
  id: z.uuid(),
  state: z.enum(['valid', 'expired', 'revoked']),
  targets: z.array(z.string()),
  reason: z.string(),
  acceptedBy: z.string(),
  createdAt: isoDate,
  expiresAt: isoDate,
  revokedAt: isoDate.nullable(),
  revokedBy: z.string().nullable(),
  revokeReason: z.string().nullable(),
  hosts: z.number().int().describe('Macs that it names.'),
});

const WITH_HOSTS = { _count: { select: { hosts: true } } } as const satisfies Prisma.UpdateAcceptanceInclude;

export function acceptanceRoutes(database: Database, acceptances: UpdateAcceptances): readonly Route[] {
  return [
    route({
      id: 'acceptUpdates',
      method: 'POST',
      path: '/api/v1/update-acceptances',
      permission: 'update.accept',
      summary: 'Takes the risk of named macOS updates for the Macs that the selection surely means now, until an end.',
      status: 201,
      body: acceptanceInput,
      reply: z.object({ id: z.uuid(), expiresAt: isoDate, hosts: z.number().int() }),
      handle: async ({ body, actor, now }) => {
        const { expiresAt, ...accepted } = await acceptances.accept(body, actor.name, now);
        return { ...accepted, expiresAt: expiresAt.toISOString() };
      },
    }),
    route({
      id: 'listUpdateAcceptances',
      method: 'GET',
      path: '/api/v1/update-acceptances',
      permission: 'readiness.read',
      summary: 'Accepted risks of macOS updates, newest first.',
      status: 200,
      query: z.object(pageQuery),
      reply: pageOf(acceptanceView),
      handle: async ({ query: { limit, cursor }, now }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.updateAcceptance.findMany({
          where: before === null ? {} : { id: { lt: before } },
          include: WITH_HOSTS,
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return toPage(
          rows,
          limit,
          ({ id }) => id,
          (row) => show(row, now),
        );
      },
    }),
    route({
      id: 'revokeUpdateAcceptance',
      method: 'POST',
      path: '/api/v1/update-acceptances/{id}/revoke',
      permission: 'update.accept',
      summary: 'Takes an acceptance back: what it covered keeps visits back again.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason: z.string().trim().min(3).max(2000).optional() }),
      reply: z.object({ id: z.uuid(), state: z.literal('revoked') }),
      handle: async ({ params, body, actor, now }) => {
        await acceptances.revoke(params.id, body.reason ?? null, actor.name, now);
        return { id: params.id, state: 'revoked' as const };
      },
    }),
  ];
}

type Row = Prisma.UpdateAcceptanceGetPayload<{ include: typeof WITH_HOSTS }>;

function show(
  { siteId: _site, _count, createdAt, expiresAt, revokedAt, ...row }: Row,
  now: Date,
): z.input<typeof acceptanceView> {
  return {
    ...row,
    state: revokedAt !== null ? 'revoked' : expiresAt > now ? 'valid' : 'expired',
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    revokedAt: revokedAt?.toISOString() ?? null,
    hosts: _count.hosts,
  };
}
