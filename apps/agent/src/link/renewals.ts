/**
 * Keeps a lease while its job runs, and brings out what the step says meanwhile. A line goes out soon after it was said, yet not at
 * once and not each one: steps that are over in a moment cost no call, and one that talks without end costs one every few seconds.
 */
export interface RenewalPace {
  readonly everyMs: number;
  /** From a line that was said to its call. */
  readonly soonMs: number;
  /** The least time between two calls. */
  readonly gapMs: number;
}

export const SOON_MS = 1_000;
export const GAP_MS = 5_000;

export interface Renewals {
  /** There is a new line. */
  said(): void;
  stop(): void;
}

/** `renew` must not throw; it reads the line itself, so that the newest one goes out. */
export function keepRenewed({ everyMs, soonMs, gapMs }: RenewalPace, renew: () => void): Renewals {
  let lastAt = Number.NEGATIVE_INFINITY;
  let soon: NodeJS.Timeout | null = null;
  const send = (): void => {
    if (soon !== null) clearTimeout(soon);
    soon = null;
    lastAt = performance.now();
    renew();
  };
  const regular = setInterval(send, everyMs);
  return {
    said() {
      soon ??= setTimeout(send, Math.max(soonMs, lastAt + gapMs - performance.now()));
    },
    stop() {
      clearInterval(regular);
      if (soon !== null) clearTimeout(soon);
    },
  };
}
