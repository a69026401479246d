import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { type Actor, authenticate, requirePermission } from './api-tokens.ts';
import { readJsonBody } from './read-body.ts';
import { sendJson, sendProblem, sendText } from './reply.ts';
import type { Route } from './route.ts';
import { validate } from './validate.ts';

export interface HttpRequest extends IncomingMessage {
  /** Filled by the router from the `{name}` places of the path. */
  readonly params?: Readonly<Record<string, string>>;
}

export type HttpHandler = (request: HttpRequest, response: ServerResponse) => Promise<void>;

const NOBODY: Actor = { name: 'public', role: 'reader', permissions: [] };

/** The way of every request: who, may they, is it valid, do it, answer in the promised shape. */
export function handlerOf(row: Route, database: Database, clock: Clock): HttpHandler {
  return async (request, response) => {
    try {
      const actor = await admit(row, database, request);
      const call = {
        actor,
        params: row.params === null ? {} : validate(row.params, 'path', { ...request.params }),
        query: row.query === null ? {} : validate(row.query, 'query', queryOf(request)),
        body: row.body === null ? {} : validate(row.body, 'body', await readJsonBody(request)),
        now: clock.now(),
        request,
      };
      const reply = row.reply.parse(await row.handle(call));
      if (row.text === undefined) sendJson(response, row.status, reply);
      else sendText(response, row.status, row.text, String(reply));
    } catch (error) {
      sendProblem(request, response, error);
    }
  };
}

/** The last handler: whatever no row knows. */
export const unknownPath: HttpHandler = async (request, response) => {
  const path = request.url?.split('?', 1)[0] ?? '/';
  sendProblem(request, response, new Problem('NOT_FOUND', `There is no ${request.method} ${path}.`));
};

async function admit(row: Route, database: Database, request: HttpRequest): Promise<Actor> {
  if (row.permission === 'public') return NOBODY;
  const actor = await authenticate(database, request.headers.authorization);
  requirePermission(actor, row.permission);
  return actor;
}

/** Query as an object; a repeated key becomes a list. */
function queryOf(request: IncomingMessage): Record<string, string | string[]> {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const query: Record<string, string | string[]> = {};
  for (const key of new Set(searchParams.keys())) {
    const values = searchParams.getAll(key);
    query[key] = values.length > 1 ? values : (values[0] ?? '');
  }
  return query;
}
