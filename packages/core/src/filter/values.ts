/** Reads the value of a comparison as its field's type wants it. */
import { FILTER_FIELDS, type FilterFieldName } from './fields.ts';
import type { FilterValue, Version } from './filter.ts';

const VERSION = /^\d{1,6}(\.\d{1,6}){0,3}$/;
const NUMBER_MAX = 2_147_483_647;

/** null = not such a version; beta texts and the like are unknown, never guessed. */
export function readVersion(text: string): Version | null {
  return VERSION.test(text) ? text.split('.').map(Number) : null;
}

export type ReadValue =
  | { readonly ok: true; readonly value: FilterValue }
  | { readonly ok: false; readonly expected: string };

export function readValue(name: FilterFieldName, text: string): ReadValue {
  const field = FILTER_FIELDS[name];
  const upper = 'letters' in field && field.letters === 'upper';
  switch (field.type) {
    case 'text':
    case 'labels':
      return { ok: true, value: upper ? text.toUpperCase() : text };
    case 'version': {
      const value = readVersion(text);
      return value === null ? { ok: false, expected: 'a version such as 14.5' } : { ok: true, value };
    }
    case 'number':
      return /^\d{1,10}$/.test(text) && Number(text) <= NUMBER_MAX
        ? { ok: true, value: Number(text) }
        : { ok: false, expected: `a whole number up to ${NUMBER_MAX}` };
  }
}
