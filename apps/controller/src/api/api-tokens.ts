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
  readonly siteId: string;
  readonly at: Date;
}

/** What a token's holder shows, and what the database keeps of it. */
export function newSecret(): { readonly secret: string; readonly sha256: string } {
  const secret = `hrt_${randomBytes(32).toString('base64url')}`;
  return { secret, sha256: sha256(secret) };
}

/** Makes a bearer token. The secret is returned once; the database keeps its sha256 only. */
export async function createApiToken(tx: Tx, order: NewApiToken): Promise<string> {
  return (await makeApiToken(tx, order)).secret;
}

export async function makeApiToken(
  tx: Tx,
  { name, role, createdBy, siteId, at }: NewApiToken,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { secret, sha256: secretSha256 } = newSecret();
  const id = uuidv7(at.getTime());
  await tx.apiToken.create({ data: { id, siteId, name, role, secretSha256, createdAt: at } });
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

/** $1 sha256 of the secret. */
const LIVE_TOKEN = `
  SELECT id::text AS id, name, role FROM api_token WHERE secret_sha256 = $1 AND revoked_at IS NULL`;

/** The caller behind an `Authorization` header; refuses with UNAUTHENTICATED and never says why a token is wrong. */
export async function authenticate(database: Database, header: string | undefined): Promise<Actor> {
  const secret = /^Bearer ([\w.~+/-]{16,200})$/.exec(header ?? '')?.[1];
  if (secret === undefined)
    throw new Problem('UNAUTHENTICATED', 'The request has no "Authorization: Bearer <token>" header.');
  const [token] = await database.look<{ id: string; name: string; role: string }>(LIVE_TOKEN, sha256(secret));
  if (token === undefined || !isRole(token.role))
    throw new Problem('UNAUTHENTICATED', 'The token is not known, or was revoked.');
  return { tokenId: token.id, name: `token:${token.name}`, role: token.role, permissions: permissionsOf(token.role) };
}

export function requirePermission(actor: Actor, permission: Permission): void {
  if (actor.permissions.includes(permission)) return;
  throw new Problem('FORBIDDEN', `This needs the permission ${permission}; the role ${actor.role} does not have it.`, {
    permission,
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
