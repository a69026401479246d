import { createHash, randomBytes } from 'node:crypto';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { isRole, type Permission, permissionsOf, type Role } from './permissions.ts';

/** Who calls, as far as the API is concerned. */
export interface Actor {
  /** Null for rows that anybody may call. */
  readonly tokenId: string | null;
  /** As it stands in the audit: `token:<name>`. */
  readonly name: string;
  readonly role: Role;
  readonly permissions: readonly Permission[];
}

export interface NewApiToken {
  readonly name: string;
  readonly role: Role;
  readonly createdBy: string;
  /** The token that makes it; null = none. */
  readonly madeBy?: string | null;
  /** Revokes the live token of this name in the same step: its holder gets a new secret. */
  readonly replace?: boolean;
  readonly siteId: string;
  readonly at: Date;
}

/** What a token's holder shows, and what the database keeps of it. */
export function newSecret(): { readonly secret: string; readonly sha256: string } {
  const secret = `hrt_${randomBytes(32).toString('base64url')}`;
  return { secret, sha256: sha256(secret) };
}

/**
 * Makes a bearer token. The secret is returned once; the database keeps its sha256 only. Of the live ones no two have the same name:
 * what is approved or audited by a name is one holder's.
 */
export async function createApiToken(tx: Tx, order: NewApiToken): Promise<string> {
  return (await makeApiToken(tx, order)).secret;
}

export async function makeApiToken(
  tx: Tx,
  { name, role, createdBy, madeBy = null, replace = false, siteId, at }: NewApiToken,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { secret, sha256: secretSha256 } = newSecret();
  const id = uuidv7(at.getTime());
  await freeName(tx, { name, replace, actor: createdBy, siteId, at });
  await tx.apiToken.create({ data: { id, siteId, name, role, secretSha256, createdAt: at, createdBy, madeBy } });
  await writeAudit(tx, {
    actor: createdBy,
    action: 'api_token.create',
    entity: 'api_token',
    entityId: id,
    after: { name, role },
    at,
    siteId,
  });
  return { id, secret };
}

interface NameOrder {
  readonly name: string;
  readonly replace: boolean;
  readonly actor: string;
  readonly siteId: string;
  readonly at: Date;
}

/** Two who make tokens of one name at once come one after the other. */
async function freeName(tx: Tx, { name, replace, actor, siteId, at }: NameOrder): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 5))`;
  const live = await tx.apiToken.findMany({ where: { name, revokedAt: null }, orderBy: { id: 'asc' } });
  if (live.length > 0 && !replace)
    throw new Problem('CONFLICT', `A token named ${JSON.stringify(name)} lives: revoke it, or send "replace": true.`);
  for (const token of live) await revokeToken(tx, token, { actor, siteId, at });
}

export interface RevokeOrder {
  readonly actor: string;
  readonly siteId: string;
  readonly at: Date;
}

export async function revokeToken(
  tx: Tx,
  { id, name, role }: { readonly id: string; readonly name: string; readonly role: string },
  { actor, siteId, at }: RevokeOrder,
) {
  await writeAudit(tx, {
    actor,
    action: 'api_token.revoke',
    entity: 'api_token',
    entityId: id,
    before: { name, role },
    after: { revoked: true },
    at,
    siteId,
  });
  return tx.apiToken.update({ where: { id }, data: { revokedAt: at } });
}

/** $1 sha256 of the secret. */
const LIVE_TOKEN = `
  SELECT id::text AS id, name, role FROM api_token WHERE secret_sha256 = $1 AND revoked_at IS NULL`;

/** What an `Authorization` header holds. */
export function secretOf(header: string | undefined): string {
  const secret = /^Bearer ([\w.~+/-]{16,200})$/.exec(header ?? '')?.[1];
  if (secret !== undefined) return secret;
  throw new Problem('UNAUTHENTICATED', 'The request has no "Authorization: Bearer <token>" header.');
}

/** The caller behind a token, by the sum of its secret; null when there is none, or it was revoked. */
export async function actorOf(database: Database, secretSha256: string): Promise<Actor | null> {
  const [token] = await database.look<{ id: string; name: string; role: string }>(LIVE_TOKEN, secretSha256);
  if (token === undefined || !isRole(token.role)) return null;
  return { tokenId: token.id, name: `token:${token.name}`, role: token.role, permissions: permissionsOf(token.role) };
}

export function requirePermission(actor: Actor, permission: Permission): void {
  if (actor.permissions.includes(permission)) return;
  throw new Problem('FORBIDDEN', `This needs the permission ${permission}; the role ${actor.role} does not have it.`, {
    permission,
  });
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
