// Goal: a person who sent something wrong reads what was expected and what came, whatever a schema made of it before.
import { expect, it } from 'vitest';
import { z } from 'zod';
import { fieldErrors } from './schema-errors.ts';

const schema = z.strictObject({
  limit: z.coerce.number().int().max(200),
  name: z.string().regex(/^[a-z]+$/, 'a name has a to z'),
  role: z.enum(['admin', 'tool']),
  tags: z.array(z.string()),
  when: z.iso.datetime(),
});
const right = { limit: '5', name: 'kim', role: 'tool', tags: [], when: '2026-11-28T10:00:00Z' };

it.each([
  ['text for a number', { limit: 'abc' }, ['query.limit: expected a number, seen "abc"']],
  ['a number that is too large', { limit: '900' }, ['query.limit: Too big: expected number to be <=200, seen "900"']],
  ['nothing', { name: undefined }, ['query.name: expected text, and nothing was given']],
  ['null', { name: null }, ['query.name: expected text, seen null']],
  ['a rule in words of its own', { name: 'K9' }, ['query.name: a name has a to z, seen "K9"']],
  ['a choice', { role: 'king' }, ['query.role: Invalid option: expected one of "admin"|"tool", seen "king"']],
  ['an object for a list', { tags: { a: 1 } }, ['query.tags: expected a list, seen an object']],
  ['an item', { tags: ['a', 7] }, ['query.tags.1: expected text, seen 7']],
  ['no time', { when: 'soon' }, ['query.when: Invalid ISO datetime, seen "soon"']],
  ['a field that is not known', { more: 1 }, ['query: Unrecognized key: "more"']],
  ['two', { name: 1, tags: 2 }, ['query.name: expected text, seen 1', 'query.tags: expected a list, seen 2']],
])('%s', (_name, change, expected) => {
  const value = { ...right, ...change };
  const { error } = schema.safeParse(value);
  const errors = error === undefined ? [] : fieldErrors('query', value, error);
  expect(errors.map(({ path, message }) => `${path}: ${message}`)).toEqual(expected);
});

it('what is long is cut', () => {
  const value = { ...right, role: 'x'.repeat(500) };
  const { error } = schema.safeParse(value);
  expect(error === undefined ? '' : fieldErrors('query', value, error)[0]?.message.length).toBeLessThan(130);
});
