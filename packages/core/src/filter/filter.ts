/** A parsed filter: what both back ends, the predicate here and the SQL of the controller, are made from. */
import type { FieldType, FilterOperator } from './fields.ts';

/** A version is compared part by part, as numbers: 14.10 comes after 14.9. */
export type Version = readonly number[];
/** A time is its text in UTC with milliseconds, which sorts as times do; of a flag, `true` or `false`. */
export type FilterValue = string | number | boolean | Version;

export interface Comparison {
  readonly kind: 'compare';
  readonly field: string;
  readonly type: FieldType;
  readonly operator: FilterOperator;
  /** One value, or the list of `=in=` and `=out=`. */
  readonly values: readonly FilterValue[];
}

export type Filter = Comparison | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] };

/** The filter in its own language; parsing it again gives the same filter. */
export function formatFilter(filter: Filter): string {
  if (filter.kind === 'compare') return formatComparison(filter);
  const parts = filter.parts.map((part) => (part.kind === 'compare' ? formatFilter(part) : `(${formatFilter(part)})`));
  return parts.join(filter.kind === 'and' ? ';' : ',');
}

function formatComparison({ field, operator, values }: Comparison): string {
  const texts = values.map(formatValue);
  return operator === '=in=' || operator === '=out='
    ? `${field}${operator}(${texts.join(',')})`
    : `${field}${operator}${texts.join('')}`;
}

function formatValue(value: FilterValue): string {
  const text = typeof value === 'object' ? value.join('.') : String(value);
  return /^[A-Za-z0-9._:/-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
