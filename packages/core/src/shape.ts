/**
 * Small checkers for JSON that came from elsewhere. A checker returns null, or one sentence that names the path, what was
 * expected and what was seen. Additional fields are tolerated, so that a newer sender still gets through.
 */
export type Check = (value: unknown, path: string) => string | null;

const TEXT_CHARS_MAX = 16_384;
const LIST_ITEMS_MAX = 10_000;
const SHOWN_CHARS_MAX = 60;

export const text: Check = (value, path) =>
  typeof value === 'string' && value.length <= TEXT_CHARS_MAX
    ? null
    : problem(path, `a text of at most ${TEXT_CHARS_MAX} characters`, value);

export const bool: Check = (value, path) => (typeof value === 'boolean' ? null : problem(path, 'true or false', value));

export const integer: Check = (value, path) =>
  Number.isSafeInteger(value) ? null : problem(path, 'a whole number', value);

export const count: Check = (value, path) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? null : problem(path, 'a whole number from 0', value);

export function exactly(wanted: string | number): Check {
  return (value, path) => (value === wanted ? null : problem(path, JSON.stringify(wanted), value));
}

export function matching(pattern: RegExp, meaning: string): Check {
  return (value, path) => (typeof value === 'string' && pattern.test(value) ? null : problem(path, meaning, value));
}

export function nullable(check: Check): Check {
  return (value, path) => (value === null ? null : check(value, path));
}

/** A field that older senders do not know. */
export function optional(check: Check): Check {
  return (value, path) => (value === undefined ? null : check(value, path));
}

export function listOf(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > LIST_ITEMS_MAX)
      return problem(path, `a list of at most ${LIST_ITEMS_MAX}`, value);
    return first(value, (item, index) => check(item, `${path}[${index}]`));
  };
}

/** An object with free keys, e.g. flag label -> enabled. */
export function mapOf(check: Check): Check {
  return (value, path) => {
    if (!isObject(value) || Object.keys(value).length > LIST_ITEMS_MAX) return problem(path, 'an object', value);
    return first(Object.entries(value), ([key, item]) => check(item, `${path}[${JSON.stringify(key.slice(0, 60))}]`));
  };
}

/** An object with these fields, all of them present. */
export function fields(checks: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (!isObject(value)) return problem(path, 'an object', value);
    return first(Object.entries(checks), ([key, check]) =>
      check(Object.hasOwn(value, key) ? value[key] : undefined, path === '' ? key : `${path}.${key}`),
    );
  };
}

function first<T>(items: readonly T[], check: (item: T, index: number) => string | null): string | null {
  for (const [index, item] of items.entries()) {
    const found = check(item, index);
    if (found !== null) return found;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problem(path: string, expected: string, seen: unknown): string {
  return `${path === '' ? 'facts' : path}: expected ${expected}, seen ${show(seen)}`;
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, SHOWN_CHARS_MAX)) : String(value);
  return typeof value === 'string' && value.length > SHOWN_CHARS_MAX ? `${shown}...` : shown;
}
