/** The SQL back end of filters: the same answers as `matchesFilter` in core, with NULL for unknown. No text of a caller becomes SQL. */
import { type FieldType, type Filter, type FilterTable, filterRefusalText, parseFilter } from '@headroom/core';
import { invalid } from '../common/field-errors.ts';

/** A condition with its values apart. */
export interface FilterSql {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** What a field reads: an expression; of labels, the condition that one of those in a parameter is there. */
export type Column = string | ((parameter: string) => string);
export type Columns = Readonly<Record<string, Column>>;

const SQL_TYPES: Readonly<Record<FieldType, string>> = {
  text: 'text',
  labels: 'text[]',
  version: 'int[]',
  number: 'int',
  time: 'timestamptz',
  uuid: 'uuid',
  flag: 'boolean',
};
const COMPARES = { '==': '=', '!=': '<>', '=lt=': '<', '=le=': '<=', '=gt=': '>', '=ge=': '>=' } as const;

/** The filter as one condition; its parameters start at `$first`. */
export function filterSql(filter: Filter, columns: Columns, first: number): FilterSql {
  const values: unknown[] = [];
  return { sql: condition(filter), values };

  function condition(part: Filter): string {
    if (part.kind !== 'compare') return `(${part.parts.map(condition).join(part.kind === 'and' ? ' AND ' : ' OR ')})`;
    const { field, type, operator } = part;
    const column = columns[field];
    const parameter = (value: unknown) => `$${first + values.push(value) - 1}::${SQL_TYPES[type]}`;
    if (typeof column === 'function') {
      const has = column(parameter(part.values.map(String)));
      return operator === '==' || operator === '=in=' ? has : `NOT ${has}`;
    }
    // As it stands: Postgres takes no subquery apart that is compared with a parameter.
    if (type === 'flag') return (operator === '==') === part.values[0] ? `${column}` : `NOT ${column}`;
    if (operator === '=in=') return `${column} IN (${part.values.map(parameter).join(', ')})`;
    if (operator === '=out=') return `${column} NOT IN (${part.values.map(parameter).join(', ')})`;
    return `${column} ${COMPARES[operator]} ${parameter(part.values[0])}`;
  }
}

/** Refuses a filter that can't be read, with position and what was expected. */
export function readFilter(text: string, fields: FilterTable, path: string): Filter {
  const parsed = parseFilter(text, fields);
  if (parsed.ok) return parsed.filter;
  throw invalid([{ path, message: filterRefusalText(parsed) }]);
}
