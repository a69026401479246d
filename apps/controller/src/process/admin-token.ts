import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiToken } from '../api/api-tokens.ts';
import type { Clock } from '../common/clock.ts';
import type { Database } from '../db/database.ts';

/** The first admin's token, in `stateDir/admin.token` (0600). Delete the file and start again to get a new one. */
export async function ensureAdminToken(database: Database, stateDir: string, clock: Clock): Promise<void> {
  const file = join(stateDir, 'admin.token');
  if (existsSync(file)) return;
  const order = {
    name: 'admin',
    role: 'admin',
    createdBy: 'system:start',
    siteId: database.siteId,
    at: clock.now(),
  } as const;
  const token = await database.transaction((tx) => createApiToken(tx, order));
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
