/** JSON in and out of a bare HTTP listener: bounded bodies, problem+json with the catalogue's title, remedy and status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError } from '@headroom/core';
import { parseJsonBody } from '../common/json-body.ts';
import { Problem } from '../common/problem.ts';
import { problemOf } from '../db/problem-of.ts';

const BODY_BYTES_MAX = 16 * 1024;

export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new Problem('VALIDATION_FAILED', `content-type: expected application/json, seen ${JSON.stringify(type)}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Problem('PAYLOAD_TOO_LARGE', `expected at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return parseJsonBody(Buffer.concat(chunks));
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', body);
}

/** An error that is neither a Problem nor will pass is ours: the caller learns no more than that. */
export function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = problemOf(error) ?? new Problem('INTERNAL', 'see the log of the controller');
  const { code, title, remedy, retry, httpStatus } = describeError(problem.code);
  if (retry === 'transient') response.setHeader('retry-after', '60');
  const detail = problem.detail;
  send(response, httpStatus, 'application/problem+json', {
    type: `urn:headroom:error:${code}`,
    ...problem.extra,
    title,
    status: httpStatus,
    code,
    detail,
    remedy,
  });
}

function send(response: ServerResponse, status: number, type: string, body: object): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body), 'utf8');
  // A body that was not read to its end would be taken for the next request.
  if (status !== 200) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' });
  response.end(bytes);
}
