/**
 * Filters of lists: each list declares its fields with what they read, and takes `filter` in its query. Query fields that lists had
 * before are the same language: `kind=raise` is `kind==raise`.
 */
import { FILTER_CHARS_MAX, type Filter, type FilterField, type FilterTable, OPERATORS_OF } from '@headroom/core';
import { z } from 'zod';
import type { Database } from '../db/database.ts';
import { type FilterSql, filterSql, readFilter } from './filter-sql.ts';

export interface ListField extends FilterField {
  /** SQL over the tables of the list. */
  readonly column: string;
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

/** The condition of a list, its parameters from `$first` on: the filter, and fields that must equal what is named. */
export function listCondition(
  fields: ListFields,
  text: string | undefined,
  equal: Readonly<Record<string, string | undefined>>,
  first: number,
): FilterSql {
  const parts: Filter[] = text === undefined ? [] : [readFilter(text, fields, 'query.filter')];
  for (const [field, value] of Object.entries(equal)) {
    const type = fields[field]?.type;
    if (value !== undefined && type !== undefined)
      parts.push({ kind: 'compare', field, type, operator: '==', values: [value] });
  }
  const columns = Object.fromEntries(Object.entries(fields).map(([name, { column }]) => [name, column]));
  return parts.length === 0 ? EVERYTHING : filterSql({ kind: 'and', parts }, columns, first);
}

export interface ListPage {
  /** Table with its alias, and what is joined to it. */
  readonly tables: string;
  readonly id: string;
  /** Parameters of the columns and of a condition of its own, from `$1`. */
  readonly own?: { readonly sql: string; readonly values: readonly unknown[] };
  readonly fields: ListFields;
  readonly filter: string | undefined;
  readonly equal?: Readonly<Record<string, string | undefined>>;
  readonly order: 'ASC' | 'DESC';
  /** The id before; null on the first page. */
  readonly after: string | null;
  /** Rows, and one more. */
  readonly take: number;
}

/** Ids of a page of those rows for which the filter is known to hold. */
export async function listedIds({ prisma }: Pick<Database, 'prisma'>, page: ListPage): Promise<readonly string[]> {
  const { tables, id, own = { sql: 'true', values: [] }, fields, filter, equal = {}, order, after, take } = page;
  const next = own.values.length + 1;
  const { sql, values } = listCondition(fields, filter, equal, next + 2);
  const rows = await prisma.$queryRawUnsafe<{ id: string }[]>(
    `SELECT ${id}::text AS id FROM ${tables}
     WHERE ${own.sql} AND ($${next}::uuid IS NULL OR ${id} ${order === 'ASC' ? '>' : '<'} $${next}::uuid) AND ${sql}
     ORDER BY ${id} ${order} LIMIT $${next + 1}::int`,
    ...own.values,
    after,
    take,
    ...values,
  );
  return rows.map((row) => row.id);
}
