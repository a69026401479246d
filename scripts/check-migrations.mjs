// Compares the database that the migrations make with the one that schema.prisma describes: columns, types, nullability,
// defaults, keys and indexes. Exits 1 with the differences. What Prisma cannot say stands in migrations only: checks, partial
// indexes, and the partitions of a table (the table itself is compared).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { importSource } from './import-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'apps/controller/dist/db');
const { EmbeddedPostgres } = await import(join(dist, 'postgres/embedded.js'));
const { migrate } = await import(join(dist, 'open.js'));
const { diffSchemas } = await importSource(root, 'scripts/schema-engine.ts');

const TABLES = `SELECT oid, relname FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> '_prisma_migrations'`;
const COLUMNS = `SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN (SELECT relname FROM (${TABLES}) t)`;
const INDEXES = `SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS line FROM pg_index
  WHERE indrelid IN (SELECT oid FROM (${TABLES}) t) AND indpred IS NULL`;

async function linesOf(address) {
  const client = new pg.Client(address);
  await client.connect();
  const { rows } = await client.query(`${COLUMNS} UNION ALL ${INDEXES} ORDER BY 1`);
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
  await migrate(postgres.address);
  const described = { ...postgres.address, database: 'described' };
  const client = new pg.Client(described);
  await client.connect();
  await client.query(await diffSchemas(described, null, schema));
  await client.end();
  const [migrated, wanted] = [await linesOf(postgres.address), await linesOf(described)];
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
