/** One row of the route table. Routing, validation, the permission check and OpenAPI all come from it. */
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { Actor } from './api-tokens.ts';
import type { Permission } from './permissions.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Call<P, Q, B> {
  readonly actor: Actor;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly now: Date;
  /** For rows that take raw bytes. */
  readonly request: IncomingMessage;
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
  /** Content type of a reply that is text as it stands instead of JSON. */
  readonly text?: string;
}

export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>
  extends RouteText {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<R>> | z.input<R>;
}

export interface Route extends RouteText {
  readonly params: z.ZodType | null;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  readonly reply: z.ZodType;
  readonly handle: (call: Call<unknown, unknown, unknown>) => unknown;
}

/** Ties a row's handler to its schemas: what `handle` gets has passed exactly these. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  spec: RouteSpec<P, Q, B, R>,
): Route {
  const { params = null, query = null, body = null, handle, ...rest } = spec;
  return { ...rest, params, query, body, handle: handle as Route['handle'] };
}
