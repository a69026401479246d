import type { z } from 'zod';
import { Problem } from '../common/problem.ts';

export interface FieldError {
  /** e.g. `body.selector.labels.0`. */
  readonly path: string;
  readonly message: string;
}

/** Parses one part of a request; refuses with every wrong field's path. */
export function validate(schema: z.ZodType, where: 'path' | 'query' | 'body', value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(
    ({ path, message }): FieldError => ({ path: [where, ...path.map(String)].join('.'), message }),
  );
  throw invalid(errors);
}

/** For what a schema can't say, such as "this host does not exist". */
export function invalid(errors: readonly FieldError[]): Problem {
  const shown = errors.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
  return new Problem('VALIDATION_FAILED', shown.join('; '), { errors: errors.slice(0, 50) });
}
