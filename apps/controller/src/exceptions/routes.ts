import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import type { Exceptions } from './exceptions.ts';
import { hostUuidsOf } from './grant-check.ts';
import { LICENCE_CLAUSE } from './licence-clause.ts';

const exceptionView = z.object({
  id: z.uuid(),
  policyRevisionId: z.uuid(),
  purpose: z.string(),
  reason: z.string(),
  clauseVersion: z.string(),
  approvals: z.string().describe('`self`: whoever asked also approved.'),
  approver: z.string(),
  createdAt: isoDate,
  expiresAt: isoDate,
  revokedAt: isoDate.nullable(),
  state: z.enum(['valid', 'expired', 'revoked']),
  grants: z.array(z.object({ id: z.uuid(), keyId: z.string(), hostUuids: z.array(z.string()) })),
});

export function exceptionRoutes(database: Database, exceptions: Exceptions): readonly Route[] {
  return [
    route({
      id: 'getLicenceClause',
      method: 'GET',
      path: '/api/v1/licence-clause',
      permission: 'policy.read',
      summary: 'The text to show to whoever approves a quota above stock, with its version.',
      status: 200,
      reply: z.object({ version: z.string(), clause: z.string(), text: z.string() }),
      handle: () => LICENCE_CLAUSE,
    }),
    route({
      id: 'listExceptions',
      method: 'GET',
      path: '/api/v1/exceptions',
      permission: 'exception.read',
      summary: 'Security exceptions, newest first.',
      status: 200,
      query: z.object(pageQuery),
      reply: pageOf(exceptionView),
      handle: async ({ query: { limit, cursor }, now }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.riskException.findMany({
          where: before === null ? {} : { id: { lt: before } },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        const grants = await database.prisma.grant.findMany({
          where: { exceptionId: { in: rows.map(({ id }) => id) } },
        });
        return toPage(
          rows,
          limit,
          ({ id }) => id,
          ({ siteId: _site, shownTextSha256: _sha, ...row }) => ({
            ...row,
            createdAt: row.createdAt.toISOString(),
            expiresAt: row.expiresAt.toISOString(),
            revokedAt: row.revokedAt?.toISOString() ?? null,
            state: stateOf(row, now),
            grants: grants
              .filter(({ exceptionId }) => exceptionId === row.id)
              .map(({ id, keyId, payload }) => ({ id, keyId, hostUuids: [...hostUuidsOf(payload)] })),
          }),
        );
      },
    }),
    route({
      id: 'revokeException',
      method: 'POST',
      path: '/api/v1/exceptions/{id}/revoke',
      permission: 'exception.revoke',
      summary: 'Takes a consent back. No further step is made that relies on it.',
      status: 200,
      params: idParams,
      reply: z.object({ id: z.uuid(), state: z.literal('revoked') }),
      handle: async ({ params, actor }) => {
        await exceptions.revoke(params.id, actor.name);
        return { id: params.id, state: 'revoked' as const };
      },
    }),
  ];
}

function stateOf({ revokedAt, expiresAt }: { revokedAt: Date | null; expiresAt: Date }, now: Date) {
  if (revokedAt !== null) return 'revoked' as const;
  return expiresAt <= now ? ('expired' as const) : ('valid' as const);
}
