/** What EXPLAIN says of a statement, and what is wrong with it on large tables. */
import type pg from 'pg';
import type { Statement } from './recorder.ts';

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

/** Tables, partitions included, and indexes are large from this many rows on. */
export const LARGE_ROWS = 5000;

export async function largeRelations(pool: pg.Pool): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace AND reltuples >= $1`,
    [LARGE_ROWS],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Every way in which the plan reads a whole large table: row by row, or all of an index that no LIMIT ends. */
export async function wholeReads(
  pool: pg.Pool,
  { text, values }: Statement,
  large: ReadonlySet<string>,
): Promise<readonly string[]> {
  return readsOf(await pool.query<Explained>(`EXPLAIN (FORMAT JSON) ${text}`, [...values]), large);
}

/** The same for the plan that Postgres keeps of a statement for whatever values come. */
export async function keptWholeReads(pool: pg.Pool, text: string, large: ReadonlySet<string>) {
  return readsOf(await pool.query<Explained>(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`), large);
}

interface Explained {
  readonly 'QUERY PLAN': [{ readonly Plan: Node }];
}

function readsOf({ rows }: pg.QueryResult<Explained>, large: ReadonlySet<string>): readonly string[] {
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return plan === undefined ? [] : readsIn(plan, large, false);
}

function readsIn(node: Node, large: ReadonlySet<string>, limited: boolean): readonly string[] {
  const { 'Node Type': type, 'Relation Name': table = '', 'Index Name': index = '', Plans = [] } = node;
  const rowByRow = /Seq Scan/.test(type) && large.has(table);
  // Rows in the order of an index until a LIMIT ends it are what a page is; a small partial index is what it is for.
  const unboundedIndex =
    /^Index (Only )?Scan/.test(type) && node['Index Cond'] === undefined && !limited && large.has(index);
  const own = rowByRow || unboundedIndex ? [`${type} on ${table}`] : [];
  return [...own, ...Plans.flatMap((child) => readsIn(child, large, limited || type === 'Limit'))];
}

/** The plan for people: without costs and without the values of this run. */
export async function planText(pool: pg.Pool, { text, values }: Statement): Promise<string> {
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF) ${text}`, [...values]);
  return rows
    .map((row) => row['QUERY PLAN'])
    .join('\n')
    .replace(/'((?:[^']|'')*)'/g, (_all, value: string) => `'${shown(value)}'`);
}

/** Ids, times and whatever is long differ from run to run and say nothing. */
function shown(value: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return '<id>';
  if (/^\d{4}-\d\d-\d\d[ T]/.test(value)) return '<time>';
  return value.length > 40 ? '...' : value;
}
