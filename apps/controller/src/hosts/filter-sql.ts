import {
  FILTER_FIELDS,
  type Filter,
  type FilterFieldName,
  type FilterScope,
  filterRefusalText,
  parseFilter,
} from '@headroom/core';
import { invalid } from '../common/field-errors.ts';

/** A condition with its values apart: no text of a caller ever becomes SQL. */
export interface FilterSql {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** Tables that `filterSql` speaks about. Host is `h`, and every host has each of these rows. */
export const FILTER_TABLES = `host h JOIN site fs ON fs.id = h.site_id JOIN host_report r ON r.host_id = h.id
  JOIN host_state s ON s.host_id = h.id LEFT JOIN intent i ON i.host_id = h.id`;

/** How far the raise of host_state `s` is proven. */
export const PROOF_SQL = 'headroom_proof(s.state, s.record)';

/** What each field reads; its index is in the migrations. */
const COLUMNS: Readonly<Record<FilterFieldName, string>> = {
  label: '',
  site: 'fs.name',
  chip: `upper(r.facts #>> '{kernel,variant}')`,
  variant: `upper(r.facts #>> '{kernel,variant}')`,
  model: `(r.facts #>> '{hardware,model}')`,
  os: `headroom_version(r.facts #>> '{os,version}')`,
  build: `(r.facts #>> '{os,build}')`,
  uuid: 'h.hardware_uuid',
  serial: `(r.facts #>> '{hardware,serial}')`,
  state: 's.state',
  presence: 's.presence',
  proof: PROOF_SQL,
  quota: 'COALESCE(i.quota, 2)',
};

const COMPARES = { '==': '=', '!=': '<>', '=lt=': '<', '=le=': '<=', '=gt=': '>', '=ge=': '>=' } as const;

/** The filter as one condition; NULL = unknown, as in `matchesFilter`. Its parameters start at `$first`. */
export function filterSql(filter: Filter, first: number): FilterSql {
  const values: unknown[] = [];
  const parameter = (value: unknown) => `$${first + values.push(value) - 1}`;
  return { sql: condition(filter), values };

  function condition(part: Filter): string {
    if (part.kind !== 'compare') return `(${part.parts.map(condition).join(part.kind === 'and' ? ' AND ' : ' OR ')})`;
    const { type } = FILTER_FIELDS[part.field];
    const { operator } = part;
    if (type === 'labels') {
      const has = `EXISTS (SELECT 1 FROM host_label fl WHERE fl.host_id = h.id AND fl.label = ANY(${parameter(part.values.map(String))}::text[]))`;
      return operator === '==' || operator === '=in=' ? has : `NOT ${has}`;
    }
    const column = COLUMNS[part.field];
    const one = (value: unknown) =>
      type === 'version' ? `${parameter(value)}::int[]` : `${parameter(value)}::${type === 'number' ? 'int' : 'text'}`;
    if (operator === '=in=') return `${column} IN (${part.values.map(one).join(', ')})`;
    if (operator === '=out=') return `${column} NOT IN (${part.values.map(one).join(', ')})`;
    return `${column} ${COMPARES[operator]} ${one(part.values[0])}`;
  }
}

/** Refuses a filter that can't be read, with position and what was expected. */
export function readFilter(text: string, scope: FilterScope, path: string): Filter {
  const parsed = parseFilter(text, scope);
  if (parsed.ok) return parsed.filter;
  throw invalid([{ path, message: filterRefusalText(parsed) }]);
}
