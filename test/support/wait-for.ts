/** Waits until `condition` holds; fails with its last answer after `timeoutMs` (default a minute: machines may be busy). */
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
    if (Date.now() > until) throw new Error(`waited ${timeoutMs} ms in vain; last seen: ${String(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
