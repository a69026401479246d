import type { z } from 'zod';
import { type FieldError, invalid, unstorableFields } from '../common/field-errors.ts';

/** Parses one part of a request; refuses with every wrong field's path. No text comes through that Postgres cannot store. */
export function validate(schema: z.ZodType, where: 'path' | 'query' | 'body', value: unknown): unknown {
  const unfit = unstorableFields(where, value);
  if (unfit.length > 0) throw invalid(unfit);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(
    ({ path, message }): FieldError => ({ path: [where, ...path.map(String)].join('.'), message }),
  );
  throw invalid(errors);
}
