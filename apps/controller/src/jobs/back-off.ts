/** When a failure that time may cure is tried again: 5 s, doubling, at most 1 h; the eighth failure is the last. */
const FIRST_MS = 5_000;
const LONGEST_MS = 3_600_000;
export const ATTEMPTS_MAX = 8;

/** `attempts` = failures so far, from 1. */
export function backOffMs(attempts: number): number {
  return Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS);
}
