/**
 * The predicate of a filter, three-valued: null = unknown, because a field that it needs has no value. Unknown is neither
 * yes nor no, and is never guessed; `and` and `or` follow from what is known. SQL answers the same with NULL.
 */
import type { Comparison, Filter, FilterValue } from './filter.ts';

/** What a row says of a field: one value, all labels of a set, or null when it says nothing. */
export type ReadField = (field: string) => FilterValue | readonly string[] | null;

export function matchesFilter(filter: Filter, read: ReadField): boolean | null {
  if (filter.kind === 'compare') return matchesComparison(filter, read(filter.field));
  const decisive = filter.kind === 'or';
  const answers = filter.parts.map((part) => matchesFilter(part, read));
  if (answers.includes(decisive)) return decisive;
  return answers.includes(null) ? null : !decisive;
}

function matchesComparison({ type, operator, values }: Comparison, said: ReturnType<ReadField>): boolean | null {
  if (said === null) return null;
  if (type === 'labels') {
    const labels = said as readonly string[];
    const hasOne = values.some((value) => labels.includes(String(value)));
    return operator === '==' || operator === '=in=' ? hasOne : !hasOne;
  }
  const seen = said as FilterValue;
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
