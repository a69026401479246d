/** API tokens and roles: who may knock, and what each role opens. */
import { z } from 'zod';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { makeApiToken, revokeToken } from './api-tokens.ts';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from './paging.ts';
import { PERMISSIONS, permissionsOf, ROLES } from './permissions.ts';
import { type Route, route } from './route.ts';

const tokenView = z.object({
  id: z.uuid(),
  name: z.string(),
  role: z.enum(ROLES),
  createdAt: isoDate,
  createdBy: z.string().nullable(),
  revokedAt: isoDate.nullable(),
});
const role = z.object({ role: z.enum(ROLES), permissions: z.array(z.enum(PERMISSIONS)) });

export function tokenRoutes(database: Database, onRevoked: () => void): readonly Route[] {
  return [
    route({
      id: 'createApiToken',
      method: 'POST',
      path: '/api/v1/api-tokens',
      permission: 'api_token.write',
      summary: 'Makes a bearer token for a person or a tool. Its text is shown this once.',
      status: 201,
      repeat: 'secret',
      body: z.strictObject({
        replace: z
          .boolean()
          .default(false)
          .describe('Revokes the live token of this name in the same step. Without it such a name is refused.'),
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/, 'a name has 1 to 63 of A-Z a-z 0-9 . _ @ -'),
        role: z.enum(ROLES),
      }),
      reply: tokenView.extend({ token: z.string() }),
      handle: async ({ body, actor, now }) => {
        const by = { createdBy: actor.name, madeBy: actor.tokenId };
        const order = { ...body, ...by, siteId: database.siteId, at: now };
        const { id, secret } = await database.transaction((tx) => makeApiToken(tx, order));
        if (body.replace) onRevoked();
        const { name, role: given } = body;
        const times = { createdAt: now.toISOString(), revokedAt: null };
        return { id, name, role: given, createdBy: actor.name, ...times, token: secret };
      },
    }),
    route({
      id: 'listApiTokens',
      method: 'GET',
      path: '/api/v1/api-tokens',
      permission: 'api_token.read',
      summary: 'Bearer tokens, newest first, without their texts.',
      status: 200,
      query: z.object(pageQuery),
      reply: pageOf(tokenView),
      handle: async ({ query: { limit, cursor } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.apiToken.findMany({
          where: before === null ? {} : { id: { lt: before } },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return toPage(rows, limit, ({ id }) => id, showToken);
      },
    }),
    route({
      id: 'revokeApiToken',
      method: 'DELETE',
      path: '/api/v1/api-tokens/{id}',
      permission: 'api_token.write',
      summary: 'Revokes a token: its next request is refused, and what it watches ends. Repeating it changes nothing.',
      status: 200,
      params: idParams,
      reply: tokenView,
      handle: async ({ params: { id }, actor, now }) => {
        const revoked = await revoke(database, id, actor.name, now);
        onRevoked();
        return showToken(revoked);
      },
    }),
    route({
      id: 'listRoles',
      method: 'GET',
      path: '/api/v1/roles',
      permission: 'me.read',
      summary: 'The table of roles: what each may do.',
      status: 200,
      reply: z.object({ items: z.array(role) }),
      handle: () => ({ items: ROLES.map((name) => ({ role: name, permissions: [...permissionsOf(name)] })) }),
    }),
  ];
}

async function revoke(database: Database, id: string, actor: string, at: Date): Promise<TokenRecord> {
  const { siteId } = database;
  return database.transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM api_token WHERE id = ${id}::uuid FOR UPDATE`;
    const token = await tx.apiToken.findUnique({ where: { id } });
    if (token === null) throw new Problem('NOT_FOUND', `There is no API token ${id}.`);
    if (token.revokedAt !== null) return token;
    return revokeToken(tx, token, { actor, siteId, at });
  });
}

interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: Date;
  readonly createdBy: string | null;
  readonly revokedAt: Date | null;
}

function showToken({
  id,
  name,
  role: roleName,
  createdAt,
  createdBy,
  revokedAt,
}: TokenRecord): z.input<typeof tokenView> {
  return {
    id,
    name,
    role: roleName as (typeof ROLES)[number],
    createdAt: createdAt.toISOString(),
    createdBy,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
