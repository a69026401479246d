/**
 * Filters of lists: each list declares its fields with what they read, and takes `filter` in its query. Other query fields of a list are
 * the same language: `kind=raise` is `kind==raise`.
 */
import {
  FILTER_CHARS_MAX,
  type Filter,
  type FilterField,
  type FilterOperator,
  type FilterTable,
  OPERATORS_OF,
  readValue,
} from '@headroom/core';
import type pg from 'pg';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../api/paging.ts';
import { invalid } from '../common/field-errors.ts';
import type { Database } from '../db/database.ts';
import { type Column, type FilterSql, filterSql, readFilter } from './filter-sql.ts';

export interface ListField extends FilterField {
  /** SQL over the tables of the list. */
  readonly column: Column;
}
export type ListFields = Readonly<Record<string, ListField>>;

const EVERYTHING: FilterSql = { sql: 'true', values: [] };

/** The query field `filter` of a list; OpenAPI shows its fields. */
export function filterQuery(fields: FilterTable, example: string) {
  const description = `e.g. ${example}. ; is and, the comma is or. Fields: ${Object.keys(fields).join(', ')}. Only what it is known to hold for.`;
  const shown = Object.entries(fields).map(([name, { type, values, means }]) => ({
    name,
    type,
    operators: OPERATORS_OF[type],
    ...(values !== undefined && { values }),
    means,
  }));
  return z.string().min(1).max(FILTER_CHARS_MAX).optional().meta({ description, 'x-filter-fields': shown });
}

/** What a query field asks, as a comparison; undefined = it was not sent. */
export type Asked = readonly [field: string, operator: FilterOperator, value: string | undefined];

/** Query fields that are called as the fields of the list, each of which must equal what was sent. */
export function equals(sent: Readonly<Record<string, string | undefined>>): readonly Asked[] {
  return Object.entries(sent).map(([field, value]) => [field, '==', value]);
}

/** The condition of a list, its parameters from `$first` on: the filter, and what other query fields ask. */
export function listCondition(
  fields: ListFields,
  text: string | undefined,
  asked: readonly Asked[],
  first: number,
): FilterSql {
  const parts: Filter[] = text === undefined ? [] : [readFilter(text, fields, 'query.filter')];
  for (const [field, operator, value] of asked)
    if (value !== undefined) parts.push(comparison(fields, field, operator, value));
  const columns = Object.fromEntries(Object.entries(fields).map(([name, { column }]) => [name, column]));
  return parts.length === 0 ? EVERYTHING : filterSql({ kind: 'and', parts }, columns, first);
}

function comparison(fields: ListFields, name: string, operator: FilterOperator, text: string): Filter {
  const field = fields[name];
  if (field === undefined) throw new Error(`the list has no field ${name}`);
  const read = readValue(field, text);
  if (!read.ok) throw invalid([{ path: `query.${name}`, message: `expected ${read.expected}` }]);
  return { kind: 'compare', field: name, type: field.type, operator, values: [read.value] };
}

export interface ListPage {
  /** Table with its alias, and what is joined to it. */
  readonly tables: string;
  readonly id: string;
  /** Parameters of the columns and of a condition of its own, from `$1`. */
  readonly own?: { readonly sql: string; readonly values: readonly unknown[] };
  readonly fields: ListFields;
  readonly filter?: string | undefined;
  readonly asked?: readonly Asked[];
  readonly order: 'ASC' | 'DESC';
  /** The id before; null on the first page. */
  readonly after: string | null;
  /** Rows, and one more. */
  readonly take: number;
}

/** What a caller asked of a list whose rows are read by their ids. */
export interface AskedPage extends Omit<ListPage, 'after' | 'take'> {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** A page whose rows are read by those ids that fit. One that goes in between is left out, and the list goes on after it all the same. */
export async function listedPage<Item>(
  database: Pick<Database, 'look'>,
  { limit, cursor, ...page }: AskedPage,
  read: (ids: string[]) => Promise<readonly Item[]>,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const which = { ...page, after: decodeCursor(cursor), take: limit + 1 };
  const rows = await listedRows<{ id: string }>(database, `${page.id}::text AS id`, which);
  const ids = rows.slice(0, limit).map(({ id }) => id);
  const last = rows.length > limit ? ids.at(-1) : undefined;
  return { items: [...(await read(ids))], nextCursor: last === undefined ? null : encodeCursor(last) };
}

/** A page of those rows for which the filter is known to hold. */
export function listedRows<Row extends pg.QueryResultRow>(
  database: Pick<Database, 'look'>,
  columns: string,
  page: ListPage,
): Promise<readonly Row[]> {
  const { tables, id, own = { sql: 'true', values: [] }, fields, filter, asked = [], order, after, take } = page;
  const next = own.values.length + 1;
  const { sql, values } = listCondition(fields, filter, asked, next + 2);
  return database.look<Row>(
    `SELECT ${columns} FROM ${tables}
     WHERE ${own.sql} AND ($${next}::uuid IS NULL OR ${id} ${order === 'ASC' ? '>' : '<'} $${next}::uuid) AND ${sql}
     ORDER BY ${id} ${order} LIMIT $${next + 1}::int`,
    ...own.values,
    after,
    take,
    ...values,
  );
}
