import { z } from 'zod';
import { invalid } from '../common/field-errors.ts';
import { isUuid } from '../common/ids.ts';
import { askedNumber } from './asked.ts';

const LIMIT_MAX = 200;

/** Query fields of every list. */
export const pageQuery = {
  limit: askedNumber(1, LIMIT_MAX).default(50).describe(`Rows per page, at most ${LIMIT_MAX}.`),
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before.'),
};

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('Null on the last page.') });
}

/** Id after (or before) which the page starts; null on the first page. Cursors are opaque to callers. */
export function decodeCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!isUuid(id)) throw invalid([{ path: 'query.cursor', message: 'is not a cursor of this list' }]);
  return id;
}

export function encodeCursor(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url');
}

/** Makes a page from up to `limit + 1` rows. */
export function toPage<T, U>(rows: readonly T[], limit: number, idOf: (row: T) => string, shape: (row: T) => U) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    items: shown.map(shape),
    nextCursor: more ? encodeCursor(idOf(last)) : null,
  };
}

export const idParams = z.object({ id: z.uuid() });
/** Dates in replies: ISO 8601, UTC. Those that are asked with are `askedTime`. */
export const isoDate = z.iso.datetime();
