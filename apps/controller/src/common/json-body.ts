/** JSON that somebody sent, parsed at the border for every listener: nested no deeper than what reads and writes it later can take. */
import { isUtf8 } from 'node:buffer';
import { invalid } from './field-errors.ts';
import { isNestedTooDeep, NOT_SO_DEEP } from './nested.ts';
import { Problem } from './problem.ts';

export function parseJsonBody(bytes: Buffer): unknown {
  const value = parse(textOf(bytes));
  if (!isNestedTooDeep(value)) return value;
  throw invalid([{ path: 'body', message: NOT_SO_DEEP }]);
}

/** Not read with a mark in the place of each byte that is none of it: that would be kept. */
function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new Problem('VALIDATION_FAILED', 'The body is not JSON in UTF-8.');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Only where: the message itself may quote the body, which may hold a secret.
    const [place = ''] = / at position \d+.*$/.exec((error as Error).message) ?? [];
    throw new Problem('VALIDATION_FAILED', `The body is not JSON${place}.`);
  }
}
