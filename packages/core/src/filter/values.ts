/** Reads the value of a comparison as its field's type wants it. */
import type { FilterField } from './fields.ts';
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

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What `readTime` takes. */
export const TIME_FORMS = 'a day such as 2026-11-29, or a time such as 2026-11-29T08:00:00Z';
/** A day, or a moment; without a zone it is UTC. The years are those that every store takes. */
const TIME = /^((?:19|20|21)\d\d-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

export function readValue({ type, letters, values }: FilterField, text: string): ReadValue {
  switch (type) {
    case 'text':
    case 'labels':
      return oneOf(letters === 'upper' ? text.toUpperCase() : text, values);
    case 'version':
      return known(readVersion(text), 'a version such as 14.5');
    case 'number':
      return known(
        /^\d{1,10}$/.test(text) && Number(text) <= NUMBER_MAX ? Number(text) : null,
        `a whole number up to ${NUMBER_MAX}`,
      );
    case 'time':
      return known(readTime(text), TIME_FORMS);
    case 'uuid':
      return known(UUID.test(text) ? text.toLowerCase() : null, 'an id, as lists show it');
    case 'flag':
      return known(text === 'true' || text === 'false' ? text === 'true' : null, 'true or false');
  }
}

function known(value: FilterValue | null, expected: string): ReadValue {
  return value === null ? { ok: false, expected } : { ok: true, value };
}

function oneOf(text: string, values: readonly string[] | undefined): ReadValue {
  return values === undefined || values.includes(text)
    ? { ok: true, value: text }
    : { ok: false, expected: `one of ${values.join(', ')}` };
}

/** In UTC; null = no such day or time: 30 February is a slip, and would else be another day. */
export function readTime(text: string): string | null {
  const [, day = '', time = '00:00', zone = 'Z'] = TIME.exec(text) ?? [];
  const at = new Date(`${day}T${time}${zone}`);
  const isDay = !Number.isNaN(at.getTime()) && new Date(`${day}T00:00Z`).toISOString().startsWith(day);
  return isDay ? at.toISOString() : null;
}
