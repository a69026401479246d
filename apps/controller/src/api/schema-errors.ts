/** What is wrong with a field, for people: what was expected, and what was seen. */
import type { z } from 'zod';
import type { FieldError } from '../common/field-errors.ts';

const SEEN_CHARS_MAX = 60;
const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** `value` is the part of the request that was parsed, as it came: a schema may have made NaN of what a person wrote. */
export function fieldErrors(where: string, value: unknown, { issues }: z.ZodError): readonly FieldError[] {
  return issues.map((issue) => ({
    path: [where, ...issue.path.map(String)].join('.'),
    message: `${expectedOf(issue)}${seenOf(issue, at(value, issue.path))}`,
  }));
}

function expectedOf(issue: z.core.$ZodIssue): string {
  // What a schema says in words of its own is left as it is.
  if (issue.code !== 'invalid_type' || !issue.message.startsWith('Invalid input')) return issue.message;
  return `expected ${KINDS[issue.expected] ?? issue.expected}`;
}

function seenOf({ code }: z.core.$ZodIssue, seen: unknown): string {
  if (code === 'unrecognized_keys' || code === 'custom' || code === 'invalid_union') return '';
  if (seen === undefined) return ', and nothing was given';
  return typeof seen === 'object' && seen !== null
    ? `, seen ${Array.isArray(seen) ? 'a list' : 'an object'}`
    : `, seen ${JSON.stringify(seen).slice(0, SEEN_CHARS_MAX)}`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );
}
