import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { exceptionInput } from './exception-input.ts';
import { showException } from './exception-view.ts';
import type { Exceptions, HostsOfRevision } from './exceptions.ts';
import { hostUuidsOf } from './grant-check.ts';
import { ledgerRow, readLedger, toCsv } from './ledger.ts';
import { LICENCE_CLAUSE } from './licence-clause.ts';

const exceptionView = z.object({
  id: z.uuid(),
  policyRevisionId: z.uuid(),
  purpose: z.string(),
  reason: z.string(),
  clauseVersion: z.string(),
  approvals: z.string().describe('`self`: whoever asked also approved.'),
  requestedBy: z.string().nullable(),
  approver: z.string().nullable().describe('Null while it waits for a second person.'),
  approvedAt: isoDate.nullable(),
  quotaMax: z.number().int().nullable(),
  createdAt: isoDate,
  expiresAt: isoDate,
  revokedAt: isoDate.nullable(),
  revokeReason: z.string().nullable(),
  state: z.enum(['waiting_for_approval', 'valid', 'expired', 'revoked']),
  warning: z.number().int().nullable().describe('Ends within so many days: 30, 7 or 1.'),
  grants: z.array(z.object({ id: z.uuid(), keyId: z.string(), hostUuids: z.array(z.string()) })),
});

export function exceptionRoutes(
  database: Database,
  exceptions: Exceptions,
  hostsOf: HostsOfRevision,
): readonly Route[] {
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
          (row) => ({
            ...showException(row, now),
            grants: grants
              .filter(({ exceptionId }) => exceptionId === row.id)
              .map(({ id, keyId, payload }) => ({ id, keyId, hostUuids: [...hostUuidsOf(payload)] })),
          }),
        );
      },
    }),
    route({
      id: 'approveException',
      method: 'POST',
      path: '/api/v1/exceptions/{id}/approve',
      permission: 'exception.approve',
      summary: 'Approves an exception that somebody else asked for: its grants are signed for the Macs held now.',
      status: 200,
      params: idParams,
      body: z.strictObject({ confirmHighQuota: exceptionInput.shape.confirmHighQuota }),
      reply: z.object({ id: z.uuid(), state: z.literal('valid') }),
      handle: async ({ params, body, actor, now }) => {
        await exceptions.approve(params.id, { actor: actor.name, now, ...body }, hostsOf);
        return { id: params.id, state: 'valid' as const };
      },
    }),
    route({
      id: 'getLedger',
      method: 'GET',
      path: '/api/v1/exceptions/ledger',
      permission: 'exception.read',
      summary:
        'The risk ledger: every exception with each Mac that it covers, its grant, and what is proven of the Mac now.',
      status: 200,
      reply: z.object({ at: isoDate, rows: z.array(ledgerRow) }),
      handle: async ({ now }) => ({ at: now.toISOString(), rows: [...(await readLedger(database, now))] }),
    }),
    route({
      id: 'getLedgerCsv',
      method: 'GET',
      path: '/api/v1/exceptions/ledger.csv',
      permission: 'exception.read',
      summary: 'The risk ledger as CSV, one row for each exception and Mac.',
      status: 200,
      text: 'text/csv; charset=utf-8',
      reply: z.string(),
      handle: async ({ now }) => toCsv(await readLedger(database, now)),
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
