import type { z } from 'zod';
import { invalid, unstorableFields } from '../common/field-errors.ts';
import { fieldErrors } from './schema-errors.ts';

/** Parses one part of a request; refuses with every wrong field's path. No text comes through that Postgres cannot store. */
export function validate(schema: z.ZodType, where: 'path' | 'query' | 'body', value: unknown): unknown {
  const unfit = unstorableFields(where, value);
  if (unfit.length > 0) throw invalid(unfit);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(fieldErrors(where, value, parsed.error));
}
