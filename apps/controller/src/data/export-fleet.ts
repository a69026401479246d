import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type pg from 'pg';
import { Problem } from '../common/problem.ts';
import { quoted, readMigrationNames, readTables, type Table } from './catalogue.ts';
import { type ExportHeader, type ExportSummary, FORMAT, FORMAT_VERSION, NOT_INCLUDED } from './export-format.ts';

/** Rows held in memory at a time; one of them may hold a Mac's facts. */
const ROWS_AT_ONCE = 50;

/**
 * Writes the fleet of a database into `out`, as one moment saw it, whatever is written meanwhile. Changes nothing; works on
 * the schema of any version, since it asks the database for its tables.
 */
export async function exportFleet(client: pg.ClientBase, out: Writable, now: Date): Promise<ExportSummary> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    for (const setting of [`TimeZone = 'UTC'`, `DateStyle = 'ISO'`, `bytea_output = 'hex'`, 'extra_float_digits = 1'])
      await client.query(`SET LOCAL ${setting}`);
    const tables = await readTables(client);
    const header = await readHeader(client, tables, now);
    const hash = createHash('sha256');
    const digest = { sha256: '' };
    await pipeline(lines(client, tables, header, hash, digest), createGzip(), out);
    const rows = header.tables.reduce((sum, table) => sum + table.rows, 0);
    return { fleetId: header.fleetId, migration: header.migration, rows, ...digest };
  } finally {
    await client.query('ROLLBACK');
  }
}

async function readHeader(client: pg.ClientBase, tables: readonly Table[], now: Date): Promise<ExportHeader> {
  const migration = (await readMigrationNames(client)).at(-1);
  const fleets = migration === undefined ? [] : (await client.query<Fleet>('SELECT id, name FROM fleet')).rows;
  const [fleet] = fleets;
  if (migration === undefined || fleet === undefined)
    throw new Problem('NOT_FOUND', 'This database holds no fleet: nothing is there to export.');
  const counted = [];
  for (const { name, columns } of tables) {
    const { rows } = await client.query<{ count: string }>(`SELECT count(*) AS count FROM ${quoted(name)}`);
    counted.push({ name, columns: [...columns], rows: Number(rows[0]?.count) });
  }
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    migration,
    fleetId: fleet.id,
    fleetName: fleet.name,
    exportedAt: now.toISOString(),
    notIncluded: NOT_INCLUDED,
    tables: counted,
  };
}

interface Fleet {
  readonly id: string;
  readonly name: string;
}

type Hash = ReturnType<typeof createHash>;

async function* lines(
  client: pg.ClientBase,
  tables: readonly Table[],
  header: ExportHeader,
  hash: Hash,
  digest: { sha256: string },
): AsyncGenerator<string> {
  const hashed = (text: string) => {
    hash.update(text);
    return text;
  };
  yield hashed(`${JSON.stringify(header)}\n`);
  for (const table of tables) for await (const chunk of rowsOf(client, table)) yield hashed(chunk);
  digest.sha256 = hash.digest('hex');
  yield `${JSON.stringify(digest)}\n`;
}

/** In order of the primary key, so that the same fleet gives the same lines. */
async function* rowsOf(client: pg.ClientBase, { name, columns, key }: Table): AsyncGenerator<string> {
  const list = columns.map((column) => `t.${quoted(column)}`).join(', ');
  const order = key.map((column) => `t.${quoted(column)}`).join(', ');
  await client.query(
    `DECLARE exported NO SCROLL CURSOR FOR
     SELECT row_to_json(r)::text AS line FROM (SELECT ${list} FROM ${quoted(name)} t ORDER BY ${order}) r`,
  );
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${ROWS_AT_ONCE} FROM exported`);
    if (rows.length > 0) yield rows.map(({ line }) => `${line}\n`).join('');
    if (rows.length < ROWS_AT_ONCE) break;
  }
  await client.query('CLOSE exported');
}
