/** The one HTTPS request of enrolment, verified against the pinned CA. Secrets are in its body only. */
import { request as httpsRequest } from 'node:https';
import { isObject } from '../files.ts';
import { EnrolError } from './enrol-error.ts';
import { unreachable } from './pinned-ca.ts';

const TIMEOUT_MS = 30_000;
const REPLY_BYTES_MAX = 256 * 1024;

export async function postEnrol(url: URL, caPem: string, body: unknown): Promise<Record<string, unknown>> {
  const { status, text } = await post(url, caPem, JSON.stringify(body)).catch((error: unknown) => {
    throw unreachable(url, error instanceof Error ? error : new Error(String(error)));
  });
  const reply = parse(text);
  if (status === 200 && reply !== null) return reply;
  throw refused(status, reply ?? {});
}

/** The controller answers with problem+json: code, detail and what to do. */
function refused(status: number, problem: Record<string, unknown>): EnrolError {
  const text = (key: string): string | null => (typeof problem[key] === 'string' ? problem[key] : null);
  const code = text('code') ?? 'ENROL_REFUSED';
  const detail = text('detail') ?? text('title') ?? `HTTP status ${status}`;
  return new EnrolError(code, detail, text('remedy') ?? text('nextStep') ?? 'read the log of the controller');
}

function post(url: URL, caPem: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = {
      method: 'POST',
      ca: caPem,
      headers,
      agent: false,
      minVersion: 'TLSv1.2',
      timeout: TIMEOUT_MS,
    } as const;
    const request = httpsRequest(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > REPLY_BYTES_MAX) request.destroy(new Error(`the answer is longer than ${REPLY_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.once('error', reject);
    request.end(body);
  });
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
