/**
 * The tables of a fleet as the database itself describes them, parents before children: a table or column that a later migration
 * adds is exported and imported without anybody thinking of it. The queue's tables lie in a schema of their own and are left
 * out: wake-ups may be lost.
 */
import type pg from 'pg';

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Of the primary key, in its order. */
  readonly key: readonly string[];
}

interface TableRow extends Table {
  readonly parents: readonly string[];
}

const MIGRATIONS = '_prisma_migrations';
/**
 * Which migrations a schema has seen is no data of the fleet. Deliveries of webhooks stay with the controller that has them: a
 * copy would send again what the original sent, or sends.
 */
const LEFT_OUT = [MIGRATIONS, 'webhook_delivery'];

/** $1 the tables left out. Partitions belong to their table. */
const TABLES = `
  SELECT c.relname AS name,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    (SELECT array_agg(a.attname::text ORDER BY array_position(p.conkey, a.attnum)) FROM pg_constraint p
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(p.conkey)
      WHERE p.conrelid = c.oid AND p.contype = 'p') AS key,
    ARRAY(SELECT f.confrelid::regclass::text FROM pg_constraint f
      WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL($1)
  ORDER BY c.relname`;

export async function readTables(client: pg.ClientBase): Promise<readonly Table[]> {
  const { rows } = await client.query<TableRow>(TABLES, [LEFT_OUT]);
  return parentsFirst(rows).map(({ name, columns, key }) => ({ name, columns, key }));
}

/** Names of the migrations applied, oldest first; none in a database that is not ours. */
export async function readMigrationNames(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows: found } = await client.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [
    MIGRATIONS,
  ]);
  if (found[0]?.there !== true) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT migration_name AS name FROM ${MIGRATIONS} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

function parentsFirst(tables: readonly TableRow[]): readonly TableRow[] {
  const sorted: TableRow[] = [];
  const done = new Set<string>();
  while (sorted.length < tables.length) {
    const ready = tables.filter(
      ({ name, parents }) => !done.has(name) && parents.every((parent) => done.has(unquoted(parent))),
    );
    if (ready.length === 0)
      throw new Error('the tables refer to each other in a circle: they cannot be loaded in any order');
    for (const table of ready) done.add(table.name);
    sorted.push(...ready);
  }
  return sorted;
}

function unquoted(name: string): string {
  return name.replace(/^"(.*)"$/, '$1');
}

/** An identifier as it stands in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
