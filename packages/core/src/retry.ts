/** When a failed step may be tried again, so that a plan that cannot work is not made over and over. */
import { ERRORS, isErrorCode } from './errors.ts';

const FIRST_DELAY_MS = 60_000;
const DELAY_MS_MAX = 3_600_000;

/** How long to wait after so many failures in a row, from 1, that time may cure: a minute, doubling, at most an hour. */
export function transientDelayMs(failuresInRow: number): number {
  const doublings = Math.min(Math.max(failuresInRow - 1, 0), 10);
  return Math.min(FIRST_DELAY_MS * 2 ** doublings, DELAY_MS_MAX);
}

/**
 * Transient failures: after a minute, doubling up to an hour. What needs a person: each hour, so that a cure is noticed
 * without anybody saying so. Permanent ones: null, not before something changes. An unknown code counts as needing a person.
 */
export function retryAfterFailure(code: string, failedAt: Date, failuresInRow: number): Date | null {
  const retry = isErrorCode(code) ? ERRORS[code].retry : 'needs_admin';
  if (retry === 'permanent') return null;
  const delayMs = retry === 'transient' ? transientDelayMs(failuresInRow) : DELAY_MS_MAX;
  return new Date(failedAt.getTime() + delayMs);
}
