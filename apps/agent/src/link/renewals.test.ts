import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepRenewed, type Renewals } from './renewals.ts';

const PACE = { everyMs: 20_000, soonMs: 1_000, gapMs: 5_000 };
let calls: number[] = [];
let renewals: Renewals;

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  const start = performance.now();
  renewals = keepRenewed(PACE, () => calls.push(performance.now() - start));
});
afterEach(() => {
  renewals.stop();
  vi.useRealTimers();
});

describe('a lease that is kept', () => {
  it('is renewed regularly, and not after its job', () => {
    vi.advanceTimersByTime(45_000);
    expect(calls).toEqual([20_000, 40_000]);
    renewals.said();
    renewals.stop();
    vi.advanceTimersByTime(60_000);
    expect(calls).toHaveLength(2);
  });

  it('brings out a line soon', () => {
    vi.advanceTimersByTime(10_000);
    renewals.said();
    renewals.said();
    vi.advanceTimersByTime(1_000);
    expect(calls).toEqual([11_000]);
  });

  it('costs a call every few seconds at most, however much is said, and the last line comes out', () => {
    for (let at = 0; at < 30_000; at += 10) {
      renewals.said();
      vi.advanceTimersByTime(10);
    }
    expect(calls.length).toBeGreaterThanOrEqual(6);
    expect(calls.length).toBeLessThanOrEqual(8);
    const before = calls.length;
    renewals.said();
    vi.advanceTimersByTime(PACE.gapMs);
    expect(calls.length).toBe(before + 1);
  });
});
