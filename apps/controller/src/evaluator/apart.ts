/**
 * Work on many at once that one of them may spoil. What fails by somebody's data is done again in halves, down to the one that fails
 * alone: that one is given up, with its cause, and all others are done. A failure of the database as a whole is nobody's: it is thrown,
 * and what was not done yet stays as it was.
 */
import { isOfData } from '../db/problem-of.ts';

export interface ApartWork<Item> {
  /** All or nothing. */
  readonly work: (items: readonly Item[]) => Promise<void>;
  readonly giveUp: (item: Item, cause: unknown) => Promise<void>;
}

/** `cause` = what came of working on all of `items` at once. */
export async function doApart<Item>(items: readonly Item[], cause: unknown, parts: ApartWork<Item>): Promise<void> {
  const [first] = items;
  if (first === undefined || !isOfData(cause)) throw cause;
  if (items.length === 1) return parts.giveUp(first, cause);
  const middle = Math.ceil(items.length / 2);
  for (const half of [items.slice(0, middle), items.slice(middle)])
    await parts.work(half).catch((error: unknown) => doApart(half, error, parts));
}
