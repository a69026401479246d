import { z } from 'zod';
import { decodeCursor, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';

const auditRow = z.object({
  id: z.uuid(),
  at: isoDate,
  actor: z.string(),
  action: z.string(),
  entity: z.string(),
  entityId: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});

export function auditRoutes(database: Database): readonly Route[] {
  return [
    route({
      id: 'listAudit',
      method: 'GET',
      path: '/api/v1/audit',
      permission: 'audit.read',
      summary: 'Who changed what, newest first.',
      status: 200,
      query: z.object({
        ...pageQuery,
        entity: z.string().max(40).optional(),
        entityId: z.string().max(100).optional(),
        action: z.string().max(60).optional(),
      }),
      reply: pageOf(auditRow),
      handle: async ({ query: { limit, cursor, entity, entityId, action } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.audit.findMany({
          where: {
            ...(before !== null && { id: { lt: before } }),
            ...(entity !== undefined && { entity }),
            ...(entityId !== undefined && { entityId }),
            ...(action !== undefined && { action }),
          },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return toPage(
          rows,
          limit,
          ({ id }) => id,
          ({ siteId: _site, at, ...row }) => ({ ...row, at: at.toISOString() }),
        );
      },
    }),
  ];
}
