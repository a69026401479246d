/** Waiting times between attempts: they double up to a limit, and half of each is random, so that a fleet does not return at once. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  next(): number;
  reset(): void;
}

export function backoff(firstMs: number, longestMs: number, random: () => number = Math.random): Backoff {
  let ceiling = firstMs;
  return {
    next() {
      const wait = ceiling / 2 + (random() * ceiling) / 2;
      ceiling = Math.min(longestMs, ceiling * 2);
      return wait;
    },
    reset() {
      ceiling = firstMs;
    },
  };
}
