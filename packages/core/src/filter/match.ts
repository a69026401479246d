/**
 * The predicate of a filter, three-valued: null = unknown, because a fact that it needs could not be read. Unknown is neither
 * yes nor no, and is never guessed; `and` and `or` follow from what is known. SQL answers the same with NULL.
 */
import type { Facts } from '../facts.ts';
import { FILTER_FIELDS, type FilterFieldName } from './fields.ts';
import type { Comparison, Filter, FilterValue } from './filter.ts';
import { readVersion } from './values.ts';

/** What one host is, as far as filters ask. null = unknown. */
export interface FilterHost {
  readonly labels: readonly string[];
  readonly site: string;
  readonly hardwareUuid: string;
  readonly facts: Facts | null;
  readonly state: string;
  readonly presence: string;
  /** none, configured or witnessed. */
  readonly proof: string;
  readonly quota: number;
}

export function matchesFilter(filter: Filter, host: FilterHost): boolean | null {
  if (filter.kind === 'compare') return matchesComparison(filter, host);
  const decisive = filter.kind === 'or';
  const answers = filter.parts.map((part) => matchesFilter(part, host));
  if (answers.includes(decisive)) return decisive;
  return answers.includes(null) ? null : !decisive;
}

function matchesComparison(comparison: Comparison, host: FilterHost): boolean | null {
  const { field, operator, values } = comparison;
  if (FILTER_FIELDS[field].type === 'labels') {
    const hasOne = values.some((value) => host.labels.includes(String(value)));
    return operator === '==' || operator === '=in=' ? hasOne : !hasOne;
  }
  const seen = readField(field, host);
  if (seen === null) return null;
  const [first] = values;
  if (first === undefined) return null;
  switch (operator) {
    case '==':
    case '=in=':
      return values.some((value) => order(seen, value) === 0);
    case '!=':
    case '=out=':
      return values.every((value) => order(seen, value) !== 0);
    case '=lt=':
      return order(seen, first) < 0;
    case '=le=':
      return order(seen, first) <= 0;
    case '=gt=':
      return order(seen, first) > 0;
    case '=ge=':
      return order(seen, first) >= 0;
  }
}

function readField(field: FilterFieldName, { facts, ...host }: FilterHost): FilterValue | null {
  switch (field) {
    case 'label':
      return null;
    case 'site':
      return host.site;
    case 'chip':
    case 'variant':
      return facts?.kernel.variant?.toUpperCase() ?? null;
    case 'model':
      return facts?.hardware.model ?? null;
    case 'os':
      return readVersion(facts?.os.version ?? '');
    case 'build':
      return facts?.os.build ?? null;
    case 'uuid':
      return host.hardwareUuid.toUpperCase();
    case 'serial':
      return facts?.hardware.serial ?? null;
    case 'state':
      return host.state;
    case 'presence':
      return host.presence;
    case 'proof':
      return host.proof;
    case 'quota':
      return host.quota;
  }
}

/** Values of one type: versions part by part, a shorter one first, as Postgres orders arrays. */
function order(left: FilterValue, right: FilterValue): number {
  if (typeof left === 'object' && typeof right === 'object') {
    const index = left.findIndex((part, at) => part !== right[at]);
    if (index < 0) return left.length - right.length;
    return (left[index] ?? 0) - (right[index] ?? -1);
  }
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
