/** Fields that are wrong, as every listener names them. */
import { Problem } from './problem.ts';

/** As the answer to a request names a field that is wrong. */
export interface FieldError {
  /** e.g. `body.selector.labels.0`. */
  readonly path: string;
  readonly message: string;
}

/** Names of fields come from callers, and may be as long as their request. */
const CHARS_MAX = 1_000;

export function invalid(all: readonly FieldError[]): Problem {
  const errors = all.slice(0, 50).map(({ path, message }) => ({ path: short(path), message: short(message) }));
  const shown = errors.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
  return new Problem('VALIDATION_FAILED', shown.join('; '), { errors });
}

function short(text: string): string {
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text;
}

/** Neither text nor jsonb takes them. */
const UNSTORABLE = /\0|\p{Surrogate}/u;
const MESSAGE = 'expected text without U+0000 and without half a surrogate pair';

/** Every field that holds text which no table can hold, or is called so. Bytes are no text. */
export function unstorableFields(where: string, value: unknown): readonly FieldError[] {
  const errors: FieldError[] = [];
  const open: (readonly [path: string, value: unknown])[] = [[where, value]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, one] = next;
    if (typeof one === 'string' && UNSTORABLE.test(one)) errors.push({ path, message: MESSAGE });
    if (typeof one !== 'object' || one === null || ArrayBuffer.isView(one)) continue;
    for (const [key, item] of Object.entries(one)) {
      if (UNSTORABLE.test(key)) errors.push({ path, message: `the name of a field: ${MESSAGE}` });
      else open.push([`${path}.${key}`, item]);
    }
  }
  return errors;
}
