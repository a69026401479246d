import type { IncomingMessage } from 'node:http';
import { parseJsonBody } from '../common/json-body.ts';
import { Problem } from '../common/problem.ts';

const JSON_BYTES_MAX = 256 * 1024;

/** Reads a JSON body of at most 256 KB, not nested too deep; an absent one is `{}`, so that the schema names what is missing. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > JSON_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > JSON_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  if (size === 0) return {};
  if (!/^application\/(json|[\w.-]+\+json)\b/i.test(request.headers['content-type'] ?? ''))
    throw new Problem('VALIDATION_FAILED', 'The body has to be JSON, sent with "Content-Type: application/json".');
  return parseJsonBody(Buffer.concat(chunks));
}

function tooLarge(): Problem {
  return new Problem('PAYLOAD_TOO_LARGE', `A JSON body has at most ${JSON_BYTES_MAX} bytes.`, {
    bytesMax: JSON_BYTES_MAX,
  });
}
