/** Limits of every request before it is looked at: line, query and headers. Bodies have theirs where they are read. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { describeError, type ErrorCode } from '@headroom/core';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import { sendProblem } from './reply.ts';

export const URL_CHARS_MAX = 4096;
const QUERY_FIELDS_MAX = 64;
/** Node itself refuses headers of more than 16 KB in all. */
const HEADERS_MAX = 64;
const HEADERS_MS = 20_000;

export function checkUrl({ url = '/' }: IncomingMessage): void {
  if (url.length > URL_CHARS_MAX)
    throw new Problem('PAYLOAD_TOO_LARGE', `Path and query have at most ${URL_CHARS_MAX} characters.`, {
      charsMax: URL_CHARS_MAX,
    });
  const fields = url.split('?', 2)[1]?.split('&').length ?? 0;
  if (fields > QUERY_FIELDS_MAX)
    throw new Problem('PAYLOAD_TOO_LARGE', `A query has at most ${QUERY_FIELDS_MAX} fields.`, {
      fieldsMax: QUERY_FIELDS_MAX,
    });
}

/** What the HTTP parser refuses is answered as a problem too. */
export function limitServer(server: Server): void {
  server.maxHeadersCount = HEADERS_MAX;
  server.headersTimeout = HEADERS_MS;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(error, socket as Socket));
  // Node itself meets 100-continue, and would refuse others without a word.
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    sendProblem(request, response, invalid([{ path: 'header.expect', message: 'expected 100-continue, or none' }])),
  );
}

function refuse({ code: cause }: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const isLarge = cause === 'HPE_HEADER_OVERFLOW';
  const code: ErrorCode = isLarge ? 'PAYLOAD_TOO_LARGE' : 'VALIDATION_FAILED';
  const { title, remedy, httpStatus: status } = describeError(code);
  const detail = isLarge ? 'The headers have more than 16 KB.' : 'This is no HTTP request, or it came too slowly.';
  const body = JSON.stringify({ type: `urn:headroom:error:${code}`, title, status, detail, code, remedy });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
