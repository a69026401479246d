import { inspect, isDeepStrictEqual } from 'node:util';

/** Waits until `condition` holds; fails with what it is and its last answer after `timeoutMs` (default a minute: machines may be busy). */
export async function waitFor(condition: () => unknown | Promise<unknown>, timeoutMs = 60_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  let seen: unknown;
  for (;;) {
    try {
      seen = await condition();
      if (seen) return;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > until)
      throw new Error(`waited ${timeoutMs} ms in vain for ${String(condition)}; last seen: ${String(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until `look` gives just this, and says what it gave last when it does not. */
export function waitForValue<T>(look: () => T | Promise<T>, wanted: T, timeoutMs?: number): Promise<void> {
  return waitFor(async () => {
    const seen = await look();
    if (isDeepStrictEqual(seen, wanted)) return true;
    throw new Error(`${inspect(seen)}, waited for ${inspect(wanted)}`);
  }, timeoutMs);
}
