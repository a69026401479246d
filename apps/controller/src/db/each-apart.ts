/**
 * The same work for each of many, as the sweep does it: one that fails holds up none of those behind it. What another controller did
 * first is no failure. While the database is away, nothing more is tried.
 */
import { Problem } from '../common/problem.ts';
import { isAway, lastLine } from './problem-of.ts';

/** Throws what failed, by its id, once all were tried, so that whoever sweeps says so. */
export async function eachApart<Item>(
  items: Iterable<Item>,
  idOf: (item: Item) => string,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const failed: string[] = [];
  for (const item of items)
    await work(item).catch((error: unknown) => {
      if (isAway(error)) throw error;
      if (!wasOvertaken(error)) failed.push(`${idOf(item)}: ${lastLine(String(error))}`);
    });
  if (failed.length > 0) throw new Error(failed.join('; '));
}

function wasOvertaken(error: unknown): boolean {
  return error instanceof Problem && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND');
}
