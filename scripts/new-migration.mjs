// Prints the SQL that leads from the schema at git HEAD (or from nothing: --from-empty) to the working copy, offline.
// Put it into prisma/migrations/<time>_<name>/migration.sql, add what Prisma cannot say (CHECK, partial indexes), review it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importSource } from './import-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { diffSchemas } = await importSource(root, 'scripts/schema-engine.ts');
const to = readFileSync(join(root, 'prisma/schema.prisma'), 'utf8');
const from = process.argv.includes('--from-empty')
  ? null
  : execFileSync('git', ['show', 'HEAD:prisma/schema.prisma'], { cwd: root, encoding: 'utf8' });
// The engine wants a live connection even to compare two texts: a throw-away Postgres.
const { EmbeddedPostgres } = await import(join(root, 'apps/controller/dist/db/postgres/embedded.js'));
const folder = mkdtempSync(join(tmpdir(), 'headroom-migration-'));
const postgres = new EmbeddedPostgres(folder);
await postgres.start();
try {
  process.stdout.write(await diffSchemas(postgres.address, from, to));
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
// The WASM engine keeps a pool open for a while.
process.exit(0);
