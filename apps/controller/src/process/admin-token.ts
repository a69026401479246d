import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSecret } from '../api/api-tokens.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database } from '../db/database.ts';

/**
 * $1 token, $2 site, $3 sha256 of its secret, $4 now, $5 audit row. Through pg alone: a first start wakes nothing that it can
 * do without. Live tokens have names of their own, and each controller makes one of these.
 */
const MAKE_ADMIN = `
  WITH made AS (
    INSERT INTO api_token (id, site_id, name, role, secret_sha256, created_at)
    VALUES ($1::uuid, $2, CASE WHEN EXISTS (SELECT 1 FROM api_token WHERE name = 'admin' AND revoked_at IS NULL)
      THEN 'admin-' || right($1::uuid::text, 8) ELSE 'admin' END, 'admin', $3, $4)
    RETURNING id, site_id, created_at, name, role)
  INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id, after)
  SELECT $5, site_id, created_at, 'system:start', 'api_token.create', 'api_token', id::text,
    jsonb_build_object('name', name, 'role', role) FROM made`;

/** The first admin's token, in `stateDir/admin.token` (0600). Delete the file and start again to get a new one. */
export async function ensureAdminToken(database: Database, stateDir: string, clock: Clock): Promise<void> {
  const file = join(stateDir, 'admin.token');
  if (existsSync(file)) return;
  const at = clock.now();
  const id = () => uuidv7(at.getTime());
  const { secret, sha256 } = newSecret();
  await database.look(MAKE_ADMIN, id(), database.siteId, sha256, at, id());
  await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
