import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route, textParts } from '../api/route.ts';
import { invalid } from '../common/field-errors.ts';
import { isUuid } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { filterQuery, listedPage } from '../filters/list-filter.ts';
import { EXCEPTION_FIELDS, EXCEPTION_TABLES, exceptionTimes } from './exception-filter.ts';
import { exceptionInput } from './exception-input.ts';
import { EXCEPTION_STATES, type ExceptionRecord, showException } from './exception-view.ts';
import type { Exceptions, HostsOfRevision } from './exceptions.ts';
import { hostUuidsOf } from './grant-check.ts';
import { hostsNamedBy, type KeyRetirement } from './key-retirement.ts';
import { type LedgerPlace, ledgerCsv, ledgerRow, placeOf, readLedgerPage } from './ledger.ts';
import { LICENCE_CLAUSE, licenceClause } from './licence-clause.ts';
import { hostsDigest } from './request-hosts.ts';

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
  commonMaker: z
    .string()
    .nullable()
    .describe('Of `four-eyes`: the token that made both tokens. Whoever held it could have been both people.'),
  quotaMax: z.number().int().nullable(),
  createdAt: isoDate,
  expiresAt: isoDate,
  revokedAt: isoDate.nullable(),
  revokeReason: z.string().nullable(),
  state: z
    .enum(EXCEPTION_STATES)
    .describe(
      '`lapsed`: nobody approved the request within 30 days. `needs_signature`: the key that signed it was retired; it ends unless signed again within 14 days.',
    ),
  warning: z.number().int().nullable().describe('Ends within so many days: 30, 7 or 1.'),
  grants: z.array(z.object({ id: z.uuid(), keyId: z.string(), hostUuids: z.array(z.string()) })),
});

const approval = z.strictObject({
  hostsDigest: z.string().max(60).describe('`digest` of the list of its Macs, as the approver saw it.'),
  confirmHighQuota: exceptionInput.shape.confirmHighQuota,
});

const clauseView = z.object({
  version: z.string(),
  clause: z.string(),
  text: z.string(),
  sha256: z.string().describe('Of the text, as in grants and in the ledger.'),
});

export function exceptionRoutes(
  database: Database,
  exceptions: Exceptions,
  hostsOf: HostsOfRevision,
  retirement: Pick<KeyRetirement, 'signAgain'>,
): readonly Route[] {
  return [
    route({
      id: 'getLicenceClause',
      method: 'GET',
      path: '/api/v1/licence-clause',
      permission: 'policy.read',
      summary: 'The text to show to whoever approves a quota above stock, with its version.',
      status: 200,
      reply: clauseView,
      handle: () => LICENCE_CLAUSE,
    }),
    route({
      id: 'getLicenceClauseVersion',
      method: 'GET',
      path: '/api/v1/licence-clauses/{version}',
      permission: 'policy.read',
      summary: 'The text of a version, as it was shown to whoever accepted that one.',
      status: 200,
      params: z.object({ version: z.string().max(40) }),
      reply: clauseView,
      handle: ({ params: { version } }) => {
        const found = licenceClause(version);
        if (found === null) throw new Problem('NOT_FOUND', `There is no licence clause of version ${version}.`);
        return found;
      },
    }),
    route({
      id: 'listExceptions',
      method: 'GET',
      path: '/api/v1/exceptions',
      permission: 'exception.read',
      summary: 'Security exceptions, newest first.',
      status: 200,
      query: z.object({ ...pageQuery, filter: filterQuery(EXCEPTION_FIELDS, 'state==valid;expiresAt<2026-12-31') }),
      reply: pageOf(exceptionView),
      handle: ({ query, now }) => {
        const what = { tables: EXCEPTION_TABLES, id: 'e.id', own: exceptionTimes(now), fields: EXCEPTION_FIELDS };
        return listedPage(database, { ...what, ...query, order: 'DESC' }, async (ids) => {
          const where = { id: { in: ids } };
          const rows = await database.prisma.riskException.findMany({ where, orderBy: { id: 'desc' } });
          return withGrants(database, rows, now);
        });
      },
    }),
    route({
      id: 'getException',
      method: 'GET',
      path: '/api/v1/exceptions/{id}',
      permission: 'exception.read',
      summary: 'One security exception with its grants.',
      status: 200,
      params: idParams,
      reply: exceptionView,
      handle: async ({ params: { id }, now }) => {
        const row = await database.prisma.riskException.findUnique({ where: { id } });
        const [shown] = row === null ? [] : await withGrants(database, [row], now);
        if (shown === undefined) throw new Problem('NOT_FOUND', `There is no exception ${id}.`);
        return shown;
      },
    }),
    route({
      id: 'listRequestHosts',
      method: 'GET',
      path: '/api/v1/exceptions/{id}/hosts',
      permission: 'exception.read',
      summary: 'The Macs that an approval, or a new signature, would cover now, with the digest that it names.',
      status: 200,
      params: idParams,
      query: z.object(pageQuery),
      reply: pageOf(
        z.object({
          id: z.uuid(),
          name: z.string(),
          hardwareUuid: z.string(),
          joined: z.boolean().describe('Since it was asked for.'),
        }),
      ).extend({
        count: z.number().int(),
        digest: z.string(),
      }),
      handle: ({ params: { id }, query }) => requestHosts(database, hostsOf, id, query),
    }),
    route({
      id: 'approveException',
      method: 'POST',
      path: '/api/v1/exceptions/{id}/approve',
      permission: 'exception.approve',
      summary:
        'Approves an exception that somebody else asked for: its grants are signed for the Macs that were shown.',
      status: 200,
      params: idParams,
      body: approval,
      reply: z.object({ id: z.uuid(), state: z.literal('valid') }),
      handle: async ({ params, body, actor, now }) => {
        await exceptions.approve(params.id, { by: actor, now, ...body }, hostsOf);
        return { id: params.id, state: 'valid' as const };
      },
    }),
    route({
      id: 'signExceptionAgain',
      method: 'POST',
      path: '/api/v1/exceptions/{id}/sign-again',
      permission: 'exception.approve',
      summary:
        'Signs an exception by the present key, as the one that signed it was retired: for the Macs that it covered and no others.',
      status: 200,
      params: idParams,
      body: approval,
      reply: z.object({ id: z.uuid(), state: z.literal('valid') }),
      handle: async ({ params, body, actor, now }) => {
        await retirement.signAgain(params.id, { by: actor, now, ...body });
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
      query: z.object(pageQuery),
      reply: pageOf(ledgerRow).extend({ at: isoDate }),
      handle: async ({ query: { limit, cursor }, now }) => {
        const rows = await readLedgerPage(database, placeAt(cursor), limit + 1, now);
        const items = rows.slice(0, limit);
        const last = rows.length > limit ? items.at(-1) : undefined;
        return { at: now.toISOString(), items, nextCursor: last === undefined ? null : cursorOf(placeOf(last)) };
      },
    }),
    textParts({
      id: 'getLedgerCsv',
      path: '/api/v1/exceptions/ledger.csv',
      permission: 'exception.read',
      summary: 'The risk ledger as CSV, one row for each exception and Mac.',
      text: 'text/csv; charset=utf-8',
      parts: ({ now }) => ledgerCsv(database, now),
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

async function withGrants(database: Database, rows: readonly ExceptionRecord[], now: Date) {
  const grants = await database.prisma.grant.findMany({ where: { exceptionId: { in: rows.map(({ id }) => id) } } });
  return rows.map((row) => ({
    ...showException(row, now),
    grants: grants
      .filter(({ exceptionId }) => exceptionId === row.id)
      .map(({ id, keyId, payload }) => ({ id, keyId, hostUuids: [...hostUuidsOf(payload)] })),
  }));
}

async function requestHosts(
  database: Database,
  hostsOf: HostsOfRevision,
  id: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
) {
  const after = decodeCursor(cursor) ?? '';
  return database.transaction(async (tx) => {
    const exception = await tx.riskException.findUnique({ where: { id } });
    if (exception === null) throw new Problem('NOT_FOUND', `There is no exception ${id}.`);
    if (!exception.awaitsApproval && exception.keyRetiredAt === null)
      throw new Problem('CONFLICT', 'The exception waits for nobody: the Macs that its grants name stand in it.');
    const covered = exception.awaitsApproval
      ? await hostsOf(tx, exception.policyRevisionId)
      : await hostsNamedBy(tx, id);
    const some = covered.filter((host) => host.id > after).slice(0, limit + 1);
    const ids = some.map((host) => host.id);
    const rows = await tx.host.findMany({
      where: { id: { in: ids } },
      select: { id: true, name: true, hardwareUuid: true },
      orderBy: { id: 'asc' },
    });
    const page = toPage(
      rows,
      limit,
      (row) => row.id,
      (row) => ({ ...row, joined: !exception.askedHostIds.includes(row.id) }),
    );
    return { ...page, count: covered.length, digest: hostsDigest(covered) };
  });
}

/** The ledger's rows are Macs in grants of exceptions: all three stand in its cursor. */
function cursorOf({ exceptionId, hostUuid, grantId }: LedgerPlace): string {
  return Buffer.from(`${exceptionId} ${hostUuid} ${grantId}`, 'utf8').toString('base64url');
}

function placeAt(cursor: string | undefined): LedgerPlace | null {
  if (cursor === undefined) return null;
  const [exceptionId = '', hostUuid = '', grantId = ''] = Buffer.from(cursor, 'base64url')
    .toString('utf8')
    .split(' ', 3);
  if (!isUuid(exceptionId) || !/^[\w-]{0,60}$/.test(hostUuid) || (grantId !== '' && !isUuid(grantId)))
    throw invalid([{ path: 'query.cursor', message: 'is not a cursor of this list' }]);
  return { exceptionId, hostUuid, grantId };
}
