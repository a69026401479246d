/**
 * The query of a request, as its row takes it: fields that the row does not know are refused, since a filter with a slip in its name would
 * answer with everything. A cursor goes on in the very list that gave it, with the same filters.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { invalid } from '../common/field-errors.ts';
import type { Route } from './route.ts';
import { validate } from './validate.ts';

interface HttpRequest {
  readonly url?: string | undefined;
  /** Of the path. */
  readonly params?: Readonly<Record<string, string>>;
}

type Asked = Readonly<Record<string, string | readonly string[]>>;

/** Say nothing about which list it is. */
const PAGE_FIELDS: readonly string[] = ['cursor', 'limit'];
const MARK_CHARS = 8;
const NONE = z.strictObject({});

export interface RequestQuery {
  /** What the row's schema made of it. */
  readonly values: unknown;
  /** The reply with its cursor marked as one of this list. */
  page<T>(reply: T): T;
}

export function queryReader({ id, query, permission }: Pick<Route, 'id' | 'query' | 'permission'>) {
  const schema = query instanceof z.ZodObject ? query.strict() : (query ?? NONE);
  const isList = query instanceof z.ZodObject && 'cursor' in query.shape;
  // Whoever asks whether it lives may add what he likes.
  const takesAny = permission === 'public';
  return (request: HttpRequest): RequestQuery => {
    const asked = fieldsOf(request);
    const mark = isList ? markOf(id, request, asked) : '';
    const values = takesAny ? {} : validate(schema, 'query', isList ? unmarked(asked, mark) : asked);
    return { values, page: (reply) => (isList ? marked(reply, mark) : reply) };
  };
}

/** A repeated field becomes a list. */
function fieldsOf(request: HttpRequest): Asked {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((key) => {
      const values = searchParams.getAll(key);
      return [key, values.length > 1 ? values : (values[0] ?? '')];
    }),
  );
}

function markOf(id: string, { params }: HttpRequest, asked: Asked): string {
  const filters = Object.entries(asked).filter(([name]) => !PAGE_FIELDS.includes(name));
  const what = JSON.stringify([
    id,
    Object.entries(params ?? {}),
    filters.sort(([one], [other]) => (one < other ? -1 : 1)),
  ]);
  return createHash('sha256').update(what).digest('base64url').slice(0, MARK_CHARS);
}

function unmarked(asked: Asked, mark: string): Asked {
  const { cursor } = asked;
  if (typeof cursor !== 'string') return asked;
  if (cursor.startsWith(mark)) return { ...asked, cursor: cursor.slice(mark.length) };
  throw invalid([{ path: 'query.cursor', message: 'is not a cursor of this list with these filters' }]);
}

function marked<T>(reply: T, mark: string): T {
  const { nextCursor } = reply as { readonly nextCursor?: unknown };
  return typeof nextCursor === 'string' ? { ...reply, nextCursor: mark + nextCursor } : reply;
}
