import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeError } from '@headroom/core';
import { uuidv7 } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import { isUnfit, problemOf } from '../db/problem-of.ts';

const log = logger('api');
const RETRY_AFTER_S = 5;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly etag: string | null;
  /** true = kept from the first request with this Idempotency-Key. */
  readonly repeated?: true;
}

export function sendAnswer(response: ServerResponse, { status, body, etag, repeated }: Answer): void {
  if (etag !== null) response.setHeader('ETag', etag);
  if (repeated === true) response.setHeader('Idempotent-Replayed', 'true');
  sendJson(response, status, body);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

export function sendNothing(response: ServerResponse): void {
  response.statusCode = 204;
  response.end();
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  send(response, status, type, text);
}

/** What fails before the first part is told as a problem; later, the connection ends in the middle, so that nobody takes it for all. */
export async function sendParts(
  response: ServerResponse,
  status: number,
  type: string,
  parts: AsyncIterable<string>,
): Promise<void> {
  const iterator = parts[Symbol.asyncIterator]();
  const first = await iterator.next();
  const rest = { [Symbol.asyncIterator]: () => iterator };
  head(response, status, type);
  if (first.done !== true) response.write(first.value);
  await pipeline(Readable.from(rest), response);
}

/** Answers with problem+json from the error catalogue. What is neither a `Problem` nor will pass is logged under an id and told as INTERNAL. */
export function sendProblem(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(error) ?? (isUnfit(error) ? unfit(request, error) : internal(request, error));
  const { title, remedy, retry, httpStatus } = describeError(problem.code, templateArgs(problem.extra));
  if (retry === 'transient') response.setHeader('Retry-After', String(RETRY_AFTER_S));
  if (httpStatus === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  // A body that was not read to its end can't be followed by another request on this connection.
  if (!request.complete) response.setHeader('Connection', 'close');
  const body = {
    type: `urn:headroom:error:${problem.code}`,
    title,
    status: httpStatus,
    detail: problem.detail,
    code: problem.code,
    remedy,
    ...problem.extra,
  };
  send(response, httpStatus, 'application/problem+json; charset=utf-8', JSON.stringify(body));
}

function internal(request: IncomingMessage, error: unknown): Problem {
  const requestId = logged(request, error);
  const detail = `Request ${requestId} failed; the log of the controller has the cause.`;
  return new Problem('INTERNAL', detail, { requestId });
}

/** Logged all the same: a schema should have said it, with the field. */
function unfit(request: IncomingMessage, error: unknown): Problem {
  const requestId = logged(request, error);
  const detail = `A value of request ${requestId} is out of range or cannot be stored; the log of the controller says which.`;
  return new Problem('VALIDATION_FAILED', detail, { requestId });
}

/** The id under which the log has it. */
function logged(request: IncomingMessage, error: unknown): string {
  const requestId = uuidv7();
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log(`request ${requestId} (${request.method} ${request.url?.split('?', 1)[0]}) failed: ${text}`);
  return requestId;
}

function templateArgs(extra: Readonly<Record<string, unknown>>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(extra).map(([key, value]) => [
      key,
      typeof value === 'number' ? value : Array.isArray(value) ? value.join(' ') : String(value),
    ]),
  );
}

function head(response: ServerResponse, status: number, type: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  head(response, status, type);
  response.end(status === 204 ? undefined : text);
}
