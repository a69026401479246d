/**
 * One POST to a receiver, bounded in every way: 10 s in all, no redirect, no proxy of the environment, and of the answer the first
 * characters only. Never throws: whatever happens is an answer.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export const POST_MS = 10_000;
export const ANSWER_CHARS_MAX = 500;
const ANSWER_BYTES_MAX = 4 * ANSWER_CHARS_MAX;

export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answered {
  /** Null = there was no answer. */
  readonly status: number | null;
  readonly answer: string;
  /** Why it does not count as delivered; null = it does. */
  readonly error: string | null;
}

/** `stop` ends it early, which is an error like another. It lives as long as the controller: nothing of a message may stay with it. */
export async function post(message: Message, stop: AbortSignal, timeMs = POST_MS): Promise<Answered> {
  const end = new AbortController();
  const cut = () => end.abort();
  const late = setTimeout(cut, timeMs);
  stop.addEventListener('abort', cut, { once: true });
  if (stop.aborted) cut();
  try {
    return await send(message, end.signal, (error) =>
      end.signal.aborted && !stop.aborted ? `no answer within ${timeMs / 1000} s` : textOf(error),
    );
  } finally {
    clearTimeout(late);
    stop.removeEventListener('abort', cut);
  }
}

function send({ url, headers, body }: Message, end: AbortSignal, why: (error: Error) => string): Promise<Answered> {
  const bytes = Buffer.from(body, 'utf8');
  const request = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    const sent = request(url, {
      method: 'POST',
      // A connection of its own: none that the receiver closed meanwhile, and no proxy.
      agent: false,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': bytes.length,
        'user-agent': 'Headroom-Webhooks/1',
      },
      signal: end,
    });
    const fail = (error: Error) => resolve({ status: null, answer: '', error: why(error) });
    // Whatever a receiver does to the connection, its time is over when it is over.
    const cut = () => fail(new Error('stopped'));
    end.addEventListener('abort', cut, { once: true });
    sent.on('error', fail);
    sent.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, answer: '', error: errorOf(response) });
    });
    sent.once('response', async (response) => {
      // Its status is there: what goes wrong from now on is no failure.
      end.removeEventListener('abort', cut);
      sent.off('error', fail).on('error', () => {});
      const answer = await readStart(response);
      sent.destroy();
      resolve({ status: response.statusCode ?? 0, answer, error: errorOf(response) });
    });
    sent.end(bytes);
  });
}

/** A receiver that drips its answer, or never ends it, has said what counts with its status. */
async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= ANSWER_BYTES_MAX) break;
    }
  } catch {
    // Cut off: what came before counts.
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\p{Cc}/gu, ' ');
  return text.slice(0, ANSWER_CHARS_MAX);
}

function errorOf({ statusCode = 0 }: IncomingMessage): string | null {
  if (statusCode >= 200 && statusCode < 300) return null;
  if (statusCode >= 300 && statusCode < 400) return `answered ${statusCode}: redirects are not followed`;
  return `answered ${statusCode}`;
}

function textOf(error: Error & { readonly code?: string }): string {
  return (error.message || error.code || error.name).slice(0, ANSWER_CHARS_MAX);
}
