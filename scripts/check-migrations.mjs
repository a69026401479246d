// Compares the database that the migrations make with the one that schema.prisma describes: columns, types, nullability,
// defaults. Exits 1 with the differences. Checks and partial indexes stand in migrations only.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'apps/controller/dist/db');
const { EmbeddedPostgres } = await import(join(dist, 'postgres/embedded.js'));
const { applyMigrations, diffSchemas } = await import(join(dist, 'schema-engine.js'));
const { readMigrations } = await import(join(dist, 'open.js'));

const COLUMNS = `SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations' ORDER BY 1`;

async function columns(address) {
  const client = new pg.Client(address);
  await client.connect();
  const { rows } = await client.query(COLUMNS);
  await client.end();
  return new Set(rows.map(({ line }) => line));
}

const folder = mkdtempSync(join(tmpdir(), 'hr-drift-'));
const postgres = new EmbeddedPostgres(folder);
await postgres.start();
let differences = [];
try {
  const schema = readFileSync(join(root, 'prisma/schema.prisma'), 'utf8');
  const admin = new pg.Client(postgres.address);
  await admin.connect();
  await admin.query('CREATE DATABASE described');
  await admin.end();
  await applyMigrations(postgres.address, schema, await readMigrations());
  const described = { ...postgres.address, database: 'described' };
  const client = new pg.Client(described);
  await client.connect();
  await client.query(await diffSchemas(described, null, schema));
  await client.end();
  const [migrated, wanted] = [await columns(postgres.address), await columns(described)];
  differences = [
    ...[...wanted].filter((line) => !migrated.has(line)).map((line) => `missing in migrations: ${line}`),
    ...[...migrated].filter((line) => !wanted.has(line)).map((line) => `only in migrations: ${line}`),
  ];
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
for (const line of differences) console.error(line);
process.exit(differences.length === 0 ? 0 : 1);
