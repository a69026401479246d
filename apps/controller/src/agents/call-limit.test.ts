import { describe, expect, it } from 'vitest';
import { CallLimit, weightOf } from './call-limit.ts';

const ONE = 1;
let now = 0;

/** How many of these calls go on, all at once. */
function taken(limit: CallLimit, hostId: string, calls: number, weight = ONE): number {
  return Array.from({ length: calls }).filter(() => limit.take(hostId, weight)).length;
}

describe('the share of one Mac', () => {
  it("is used up by a flood, comes back with time, and is nobody else's", () => {
    const limit = new CallLimit(() => now);
    expect(taken(limit, 'flood', 1000)).toBe(200);
    expect(taken(limit, 'good', 100)).toBe(100);
    now += 1000;
    expect(taken(limit, 'flood', 1000)).toBe(20);
    now += 3_600_000;
    expect(taken(limit, 'flood', 1000), 'no more than at first').toBe(200);
  });

  it('is used up sooner by what is large', () => {
    const limit = new CallLimit(() => now);
    const megabyte = { factsJson: Buffer.alloc(1024 * 1024), position: { sequence: 1n } };
    expect(weightOf({ sessionNumber: 1n })).toBe(1);
    expect(taken(limit, 'large', 100, weightOf(megabyte))).toBe(6);
  });

  it('counts what it refuses by Mac, and so many Macs at most by name', async () => {
    const limit = new CallLimit(() => now, 3);
    const problems = Array.from({ length: 5 }, (_, index) => limit.refusal(`host-${index}`));
    expect(limit.refused().map(([host, count]) => `${host}: ${count}`)).toEqual([
      'host-0: 1',
      'host-1: 1',
      'host-2: 1',
      'others: 2',
    ]);
    expect((await problems[0])?.code).toBe('RATE_LIMITED');
  });
});
