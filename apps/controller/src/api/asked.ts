/** Numbers and times as callers write them, in paths, queries and bodies: each is read in one way, and refused with its field otherwise. */
import { readTime, TIME_FORMS } from '@headroom/core';
import { z } from 'zod';

/** Long enough for every number and time; a refusal shows no more of what was sent. */
const CHARS_MAX = 40;

/** A whole number of plain digits: no sign, point, exponent or blank. Of a path or a query, where all is text. */
export function askedNumber(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}, in digits`;
  const isOne = (text: string) => /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max;
  return z
    .string(expected)
    .refine(isOne, { error: ({ input }) => `${expected}, seen ${shown(input)}` })
    .transform(Number)
    .meta({ type: 'integer', minimum: min, maximum: max });
}

/** A day or a moment, read as filters read it, within the years that every table takes. Gives it in UTC. */
export const askedTime = z
  .string()
  .transform((text, context) => {
    const at = readTime(text);
    if (at !== null) return at;
    context.addIssue({ code: 'custom', message: `expected ${TIME_FORMS}, seen ${shown(text)}` });
    return z.NEVER;
  })
  .meta({ type: 'string', description: `${TIME_FORMS[0]?.toUpperCase()}${TIME_FORMS.slice(1)}; years 1900 to 2199.` });

function shown(value: unknown): string {
  return JSON.stringify(String(value).slice(0, CHARS_MAX));
}
