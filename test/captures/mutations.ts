/** Mutations of captured texts: what a newer macOS, another language, a cut pipe or plain damage could make of them. */
import fc from 'fast-check';

const PIECES = [
  '\r\n',
  '\t',
  '\0',
  '\uFEFF',
  ' ',
  ':',
  '=',
  '"',
  '{',
  '}',
  '<dict>',
  '</plist>',
  '&amp;',
  'absent',
  '1',
];

type Mutation = (text: string) => string;

const at = fc.nat({ max: 20_000 });
const place = (text: string, where: number): number => (text.length === 0 ? 0 : where % (text.length + 1));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(at, at).map(
    ([from, length]): Mutation =>
      (text) => {
        const start = place(text, from);
        return text.slice(0, start) + text.slice(start + (length % 60));
      },
  ),
  fc.tuple(at, fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 12 }))).map(
    ([where, piece]): Mutation =>
      (text) => {
        const start = place(text, where);
        return text.slice(0, start) + piece + text.slice(start);
      },
  ),
  at.map(
    (where): Mutation =>
      (text) =>
        text.slice(0, place(text, where)),
  ),
  fc.tuple(at, at).map(
    ([a, b]): Mutation =>
      (text) => {
        const lines = text.split('\n');
        const line = lines[a % lines.length] ?? '';
        lines.splice(b % (lines.length + 1), 0, line);
        return lines.join('\n');
      },
  ),
  fc.constant<Mutation>((text) => text.replaceAll('\n', '\r\n')),
  fc.constant<Mutation>((text) => text.replaceAll('\t', '    ')),
  fc.constant<Mutation>((text) => text.replace(/\n+$/, '')),
);

/** One to four mutations, one after the other. */
export const mutations: fc.Arbitrary<Mutation> = fc
  .array(mutation, { minLength: 1, maxLength: 4 })
  .map((steps) => (text) => steps.reduce((before, step) => step(before), text));
