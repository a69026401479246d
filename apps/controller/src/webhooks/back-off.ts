const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/** Pauses between tries; after the last one the delivery is a dead letter. */
export const PAUSES_MS: readonly number[] = [
  5 * SECOND,
  MINUTE,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
];

/** Tries in all. */
export const TRIES = PAUSES_MS.length + 1;
/** Receivers that come back must not get everything at the same moment. */
const JITTER_PART = 0.2;

/** How long to wait after so many failed tries; null = that was the last one. `random` from 0 to 1. */
export function pauseMs(failedTries: number, random: number): number | null {
  const pause = PAUSES_MS[failedTries - 1];
  return pause === undefined ? null : Math.round(pause * (1 + JITTER_PART * (2 * random - 1)));
}
