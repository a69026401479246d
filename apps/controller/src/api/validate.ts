import type { z } from 'zod';
import { Problem } from '../common/problem.ts';

export interface FieldError {
  /** e.g. `body.selector.labels.0`. */
  readonly path: string;
  readonly message: string;
}

/** Parses one part of a request; refuses with every wrong field's path. No text comes through that Postgres cannot store. */
export function validate(schema: z.ZodType, where: 'path' | 'query' | 'body', value: unknown): unknown {
  const unfit = unstorable(where, value);
  if (unfit.length > 0) throw invalid(unfit);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(
    ({ path, message }): FieldError => ({ path: [where, ...path.map(String)].join('.'), message }),
  );
  throw invalid(errors);
}

/** U+0000 and half a surrogate pair: neither text nor jsonb takes them. */
const UNSTORABLE = /\0|\p{Surrogate}/u;
const MESSAGE = 'expected text without U+0000 and without half a surrogate pair';

/** Walks without recursion: a body may be nested as deeply as it is long. */
function unstorable(where: string, value: unknown): readonly FieldError[] {
  const errors: FieldError[] = [];
  const open: (readonly [path: string, value: unknown])[] = [[where, value]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, one] = next;
    if (typeof one === 'string' && UNSTORABLE.test(one)) errors.push({ path, message: MESSAGE });
    if (typeof one !== 'object' || one === null) continue;
    for (const [key, item] of Object.entries(one)) {
      if (UNSTORABLE.test(key)) errors.push({ path, message: `the name of a field: ${MESSAGE}` });
      else open.push([`${path}.${key}`, item]);
    }
  }
  return errors;
}

/** For what a schema can't say, such as "this host does not exist". */
export function invalid(errors: readonly FieldError[]): Problem {
  const shown = errors.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
  return new Problem('VALIDATION_FAILED', shown.join('; '), { errors: errors.slice(0, 50) });
}
