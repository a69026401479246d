/** JSON that somebody sent, parsed at the border for every listener: nested no deeper than what reads and writes it later can take. */
import { invalid } from './field-errors.ts';
import { isNestedTooDeep, NESTED_MAX } from './nested.ts';
import { Problem } from './problem.ts';

export function parseJsonBody(bytes: Buffer): unknown {
  const value = parse(bytes.toString('utf8'));
  if (!isNestedTooDeep(value)) return value;
  const message = `expected at most ${NESTED_MAX} objects or lists inside one another, seen more`;
  throw invalid([{ path: 'body', message }]);
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
