import { createHash } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { Problem } from '../common/problem.ts';
import { quoted, readMigrationNames, readTables, type Table } from './catalogue.ts';
import { type ExportHeader, type ExportSummary, exportHeader, exportTrailer, LINE_BYTES_MAX } from './export-format.ts';
import { ImportMonths } from './import-months.ts';
import { readLines } from './read-lines.ts';

const BATCH_ROWS = 500;
const BATCH_BYTES = 1024 * 1024;

/**
 * Loads an export into an empty database of the same or a newer schema, all of it or nothing. Columns that the file does not
 * know take their default. Counts and sha256 are checked before anything is committed.
 */
export async function importFleet(client: pg.ClientBase, file: Readable): Promise<ExportSummary> {
  await client.query('BEGIN');
  try {
    const summary = await load(client, new Lines(file));
    await client.query('COMMIT');
    await client.query('ANALYZE');
    return summary;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error instanceof Problem
      ? error
      : new Problem('CONFLICT', `The file cannot be imported: ${(error as Error).message}`);
  }
}

async function load(client: pg.ClientBase, lines: Lines): Promise<ExportSummary> {
  const header = readHeader(await lines.next('its header'));
  const known = await readTables(client);
  checkSchema(header, await readMigrationNames(client), known);
  await checkEmpty(client, known);
  const exportedAt = new Date(header.exportedAt);
  for (const table of header.tables)
    await loadTable(client, table, lines, new ImportMonths(client, table.name, exportedAt));
  const sha256 = await checkSum(lines);
  let rows = 0;
  for (const table of header.tables) rows += await checkCount(client, table);
  return { fleetId: header.fleetId, migration: header.migration, rows, sha256 };
}

/** The file's lines in order, with the sum of all that were taken. */
class Lines {
  private readonly hash = createHash('sha256');
  private readonly lines: AsyncGenerator<Buffer>;

  constructor(file: Readable) {
    // A broken file shows as the error of reading on.
    this.lines = readLines(
      pipeline(file, createGunzip(), () => {}),
      LINE_BYTES_MAX,
    );
  }

  async next(what: string): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Problem('CONFLICT', `The file ends before ${what}: it is not whole.`);
    this.hash.update(value).update('\n');
    return value.toString('utf8');
  }

  /** The trailer, which stands outside of the sum, and the sum of all before it. */
  async trailer(): Promise<{ text: string; seen: string }> {
    const seen = this.hash.copy().digest('hex');
    return { text: await this.next('its trailer'), seen };
  }

  async end(): Promise<void> {
    if (!(await this.lines.next()).done) throw new Problem('CONFLICT', 'The file goes on after its trailer.');
  }
}

function readHeader(line: string): ExportHeader {
  const { success, data } = exportHeader.safeParse(parseJson(line));
  if (success) return data;
  throw new Problem(
    'CONFLICT',
    'The file does not begin with the header of a Headroom export that this version can read.',
  );
}

function checkSchema(
  { migration, tables }: ExportHeader,
  migrations: readonly string[],
  known: readonly Table[],
): void {
  if (!migrations.includes(migration))
    throw new Problem(
      'CONFLICT',
      `The export was made at schema ${migration}; this version of Headroom knows ${migrations.at(-1)}. Import it with the version that made it, or a newer one.`,
    );
  const columns = new Map(known.map((table) => [table.name, table.columns]));
  for (const table of tables) {
    const lost = table.columns.filter((column) => !columns.get(table.name)?.includes(column));
    if (lost.length > 0)
      throw new Problem(
        'CONFLICT',
        `The schema has no ${lost.map((column) => `${table.name}.${column}`).join(', ')} any more. Import with a version that has it, then start the newer one on that database.`,
      );
  }
  if (new Set(tables.map(({ name }) => name)).size < tables.length)
    throw new Problem('CONFLICT', 'The header names a table twice.');
}

async function checkEmpty(client: pg.ClientBase, tables: readonly Table[]): Promise<void> {
  for (const { name } of tables) {
    const { rowCount } = await client.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`);
    if (rowCount !== 0)
      throw new Problem(
        'CONFLICT',
        `The database is not empty: table ${name} has rows. Import goes into a new --state-dir or an empty database in DATABASE_URL.`,
      );
  }
}

type FileTable = ExportHeader['tables'][number];

async function loadTable(client: pg.ClientBase, table: FileTable, lines: Lines, months: ImportMonths): Promise<void> {
  const columns = table.columns.map(quoted).join(', ');
  const insert = `INSERT INTO ${quoted(table.name)} (${columns})
    SELECT ${columns} FROM json_populate_recordset(NULL::${quoted(table.name)}, $1::json)`;
  let batch: string[] = [];
  let bytes = 0;
  for (let row = 1; row <= table.rows; row += 1) {
    const line = await lines.next(`row ${row} of ${table.rows} of table ${table.name}`);
    batch.push(line);
    bytes += line.length;
    if (row < table.rows && batch.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
    await months.makeFor(batch);
    await client.query(insert, [`[${batch.join(',')}]`]);
    batch = [];
    bytes = 0;
  }
}

async function checkSum(lines: Lines): Promise<string> {
  const { text, seen } = await lines.trailer();
  const { success, data } = exportTrailer.safeParse(parseJson(text));
  if (!success) throw new Problem('CONFLICT', 'The file has more rows than its header says.');
  await lines.end();
  if (data.sha256 === seen) return seen;
  throw new Problem(
    'CONFLICT',
    `The file was changed: its lines have the sha256 ${seen}, its trailer says ${data.sha256}.`,
  );
}

async function checkCount(client: pg.ClientBase, { name, rows }: FileTable): Promise<number> {
  const { rows: counted } = await client.query<{ count: string }>(`SELECT count(*) AS count FROM ${quoted(name)}`);
  const seen = Number(counted[0]?.count);
  if (seen === rows) return rows;
  throw new Problem('CONFLICT', `Table ${name}: expected ${rows} rows as the header says, seen ${seen}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
