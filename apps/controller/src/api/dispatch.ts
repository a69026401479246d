import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../common/clock.ts';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import { type Actor, requirePermission } from './api-tokens.ts';
import { readIfMatch } from './etag.ts';
import { type Idempotency, readIdempotencyKey } from './idempotency.ts';
import { checkUrl, URL_CHARS_MAX } from './limits.ts';
import { chooseType } from './negotiate.ts';
import { readJsonBody } from './read-body.ts';
import { type Answer, sendAnswer, sendNothing, sendParts, sendProblem, sendText } from './reply.ts';
import { queryReader, type RequestQuery } from './request-query.ts';
import type { Call, Route } from './route.ts';
import type { SignIn } from './sign-in.ts';
import { validate } from './validate.ts';

interface HttpRequest extends IncomingMessage {
  /** Filled by the router from the `{name}` places of the path. */
  readonly params?: Readonly<Record<string, string>>;
}

export type HttpHandler = (request: HttpRequest, response: ServerResponse, next: () => void) => Promise<void>;

const NOBODY: Actor = { tokenId: null, name: 'public', role: 'reader', permissions: [] };

export interface DispatchDeps {
  readonly signIn: SignIn;
  readonly clock: Clock;
  readonly idempotency: Idempotency;
}

/** The way of every request: is it small enough, who, may they, is it valid, do it once, answer in the promised shape. */
export function handlerOf(row: Route, deps: DispatchDeps): HttpHandler {
  const readQuery = queryReader(row);
  const isStream = row.open !== null;
  return async (request, response, next) => {
    if (isStream && request.method === 'HEAD') return next();
    try {
      checkUrl(request);
      const actor = await admit(row, deps, request);
      const body = row.body === null ? {} : await readJsonBody(request);
      const query = readQuery(request);
      const call = {
        actor,
        params: row.params === null ? {} : validate(row.params, 'path', { ...request.params }),
        query: query.values,
        body: row.body === null ? {} : validate(row.body, 'body', body),
        now: deps.clock.now(),
        ifMatch: ifMatchOf(row, request),
        type: typeOf(row, request),
        request,
      };
      if (row.open !== null) await row.open(call, { response, lastEventId: lastEventIdOf(request) });
      else if (row.parts !== null) await sendParts(response, row.status, call.type ?? '', row.parts(call));
      else if (call.type !== null) sendText(response, row.status, call.type, String(await replyOf(row, call)));
      else sendAnswer(response, await answer(row, call, query, body, deps));
    } catch (error) {
      sendProblem(request, response, error);
    }
  };
}

/** Of a path that rows know: HEAD is a GET without its body, so streams have none, and OPTIONS asks for just this list. */
export function otherMethod(rows: readonly Route[]): HttpHandler {
  const allowed = [
    ...new Set(rows.flatMap(({ method, open }) => (method === 'GET' && open === null ? ['GET', 'HEAD'] : [method]))),
  ];
  return async (request, response) => {
    response.setHeader('Allow', allowed.join(', '));
    if (request.method === 'OPTIONS') return sendNothing(response);
    const detail = `${request.method} ${pathOf(request)}: expected ${allowed.join(' or ')}.`;
    sendProblem(request, response, new Problem('METHOD_NOT_ALLOWED', detail, { allowed }));
  };
}

/** The last handler: whatever no row knows. */
export const unknownPath: HttpHandler = async (request, response) => {
  sendProblem(request, response, new Problem('NOT_FOUND', `There is no ${request.method} ${pathOf(request)}.`));
};

function pathOf({ url }: HttpRequest): string {
  return url?.split('?', 1)[0]?.slice(0, URL_CHARS_MAX) ?? '/';
}

/** What the router could not make sense of before any row was asked. Express knows a handler of errors by its four parameters. */
export function unreadable(error: unknown, request: HttpRequest, response: ServerResponse, _next: () => void): void {
  const isUndecoded = error instanceof URIError || (error as { status?: unknown }).status === 400;
  const undecoded = () => invalid([{ path: 'path', message: 'expected text in UTF-8, percent-encoded' }]);
  sendProblem(request, response, isUndecoded ? undecoded() : error);
}

type AnyCall = Call<unknown, unknown, unknown>;

async function replyOf(row: Route, call: AnyCall): Promise<unknown> {
  return row.reply.parse(await row.handle(call));
}

/** Only POST needs a key to be repeated harmlessly. */
function answer(
  row: Route,
  call: AnyCall,
  query: RequestQuery,
  body: unknown,
  { idempotency }: DispatchDeps,
): Promise<Answer> {
  const work = async (): Promise<Answer> => {
    const reply = await replyOf(row, call);
    return { status: row.status, body: query.page(reply), etag: row.etag?.(reply as never) ?? null };
  };
  const { actor, request, now } = call;
  const key = row.method === 'POST' ? readIdempotencyKey(request.headers['idempotency-key']) : null;
  if (key === null || actor.tokenId === null) return work();
  return idempotency.once({ row, tokenId: actor.tokenId, key, content: [request.url ?? '/', body], now }, work);
}

async function admit(row: Route, { signIn, clock }: DispatchDeps, request: HttpRequest): Promise<Actor> {
  if (row.permission === 'public') return NOBODY;
  const { headers, socket } = request;
  const actor = await signIn.actor(headers.authorization, socket.remoteAddress ?? 'unknown', clock.now());
  requirePermission(actor, row.permission);
  return actor;
}

/** A condition that a row cannot check must not be passed over. */
function ifMatchOf(row: Route, request: HttpRequest): string | null {
  const ifMatch = readIfMatch(request.headers['if-match']);
  if (ifMatch === null || row.conditional === true) return ifMatch;
  throw invalid([{ path: 'header.if-match', message: 'this request takes no condition' }]);
}

function typeOf({ text }: Route, request: HttpRequest): string | null {
  if (text === undefined) return null;
  return typeof text === 'string' ? text : chooseType(text, request.headers.accept);
}

function lastEventIdOf(request: HttpRequest): string | null {
  const header = request.headers['last-event-id'];
  return typeof header === 'string' ? header : null;
}
