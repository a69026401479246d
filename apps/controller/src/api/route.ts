/** One row of the route table. Routing, validation, the permission check and OpenAPI all come from it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Actor } from './api-tokens.ts';
import type { Permission } from './permissions.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call<P, Q, B> {
  readonly actor: Actor;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly now: Date;
  /** ETag that the thing must still have; null = whatever it is now. */
  readonly ifMatch: string | null;
  /** Content type of the answer, of those that a row of text offers; null for JSON. */
  readonly type: string | null;
  /** For rows that take raw bytes. */
  readonly request: IncomingMessage;
}

/** What a row of events gets beside its call: the answer stays open until one side ends it. */
export interface EventStream {
  readonly response: ServerResponse;
  readonly lastEventId: string | null;
}

interface RouteText {
  /** Stable name, used as OpenAPI's operationId. */
  readonly id: string;
  readonly method: Method;
  /** With `{name}` places. */
  readonly path: string;
  readonly permission: Permission | 'public';
  readonly summary: string;
  readonly status: number;
  /** Content type of a body of raw bytes; such a body is not read before `handle`. */
  readonly bytes?: string;
  /** Content type of a reply that is text as it stands instead of JSON; of several, Accept chooses, else the first. */
  readonly text?: string | readonly [string, ...string[]];
  /**
   * What a POST gets that repeats an Idempotency-Key: the answer that was kept (when this is absent); `again` = it is done
   * again, being harmless; `secret` = a refusal, because the answer shows a secret, which no table holds.
   */
  readonly repeat?: 'again' | 'secret';
  /** true = the row honours If-Match. */
  readonly conditional?: true;
}

export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>
  extends RouteText {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  /** ETag of what the reply shows. */
  readonly etag?: (reply: z.output<R>) => string;
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<R>> | z.input<R>;
}

/** A row that answers with events; `event` is the shape of one. */
export interface EventsSpec<Q extends z.ZodType> extends Omit<RouteText, 'status' | 'method' | 'bytes' | 'text'> {
  readonly query: Q;
  readonly event: z.ZodType;
  readonly open: (call: Call<unknown, z.output<Q>, unknown>, stream: EventStream) => Promise<void> | void;
}

/** A row whose text may be long: it is sent part by part, as fast as the caller takes it. */
export interface PartsSpec extends Omit<RouteText, 'status' | 'method' | 'bytes' | 'text'> {
  readonly text: string;
  readonly parts: (call: Call<unknown, unknown, unknown>) => AsyncIterable<string>;
}

export interface Route extends RouteText {
  readonly params: z.ZodType | null;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  readonly reply: z.ZodType;
  readonly etag: ((reply: never) => string) | null;
  readonly handle: (call: Call<unknown, unknown, unknown>) => unknown;
  /** Present on a row of text in parts, which has no other answer. */
  readonly parts: PartsSpec['parts'] | null;
  /** Present on a row of events, which has no other answer. */
  readonly open: ((call: Call<unknown, unknown, unknown>, stream: EventStream) => Promise<void> | void) | null;
}

export const EVENT_STREAM = 'text/event-stream';

/** Ties a row's handler to its schemas: what `handle` gets has passed exactly these. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  spec: RouteSpec<P, Q, B, R>,
): Route {
  const { params = null, query = null, body = null, etag = null, handle, ...rest } = spec;
  return { ...rest, params, query, body, etag, handle: handle as Route['handle'], parts: null, open: null };
}

/** The same for a row that answers with events. */
export function events<Q extends z.ZodType>({ event, open, ...rest }: EventsSpec<Q>): Route {
  const handle = () => {
    throw new Error(`${rest.id} answers with events`);
  };
  return {
    ...rest,
    method: 'GET',
    status: 200,
    text: EVENT_STREAM,
    params: null,
    body: null,
    reply: event,
    etag: null,
    handle,
    parts: null,
    open: open as Route['open'],
  };
}

/** The same for a row that answers with text in parts. */
export function textParts({ parts, ...rest }: PartsSpec): Route {
  const handle = () => {
    throw new Error(`${rest.id} answers in parts`);
  };
  const none = { params: null, query: null, body: null, etag: null, open: null };
  return { ...rest, ...none, method: 'GET', status: 200, reply: z.string(), handle, parts };
}
