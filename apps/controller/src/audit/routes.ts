import { z } from 'zod';
import { isoDate, pageOf, pageQuery } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { equals, filterQuery, type ListFields, listedPage } from '../filters/list-filter.ts';

export const AUDIT_FIELDS = {
  actor: { type: 'text', column: 'a.actor', means: 'who did it, e.g. token:anna' },
  action: { type: 'text', column: 'a.action', means: 'what was done, e.g. policy.apply' },
  entity: { type: 'text', column: 'a.entity', means: 'kind of the thing, e.g. rollout' },
  entityId: { type: 'text', column: 'a.entity_id', means: 'which one' },
  at: { type: 'time', column: 'a.at', means: 'when it was done' },
} as const satisfies ListFields;

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
        filter: filterQuery(AUDIT_FIELDS, 'actor==token:anna;at>=2026-11-01'),
      }),
      reply: pageOf(auditRow),
      handle: ({ query: { limit, cursor, filter, ...equal } }) => {
        const what = { tables: 'audit a', id: 'a.id', fields: AUDIT_FIELDS, filter, asked: equals(equal) };
        return listedPage(database, { ...what, limit, cursor, order: 'DESC' }, async (ids) => {
          const rows = await database.prisma.audit.findMany({ where: { id: { in: ids } }, orderBy: { id: 'desc' } });
          return rows.map(({ siteId: _site, at, ...row }) => ({ ...row, at: at.toISOString() }));
        });
      },
    }),
  ];
}
