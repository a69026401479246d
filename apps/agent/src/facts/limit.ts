/** Runs at most `most` tasks at once: twenty tools started together would be felt by whoever works on the Mac. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

export function createLimit(most: number): Limit {
  let free = most;
  const waiting: (() => void)[] = [];
  /** A finished task hands its place to the one that waits longest. */
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((start) => waiting.push(start));
    try {
      return await task();
    } finally {
      leave();
    }
  };
}
