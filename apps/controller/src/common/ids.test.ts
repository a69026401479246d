/** Ids order as they were made, also many in one millisecond, and look like UUIDv7. */
import { describe, expect, it } from 'vitest';
import { isUuid, uuidv7 } from './ids.ts';

describe('uuidv7', () => {
  it('keeps the order within one millisecond', () => {
    const ids = Array.from({ length: 10_000 }, () => uuidv7(1_700_000_000_000));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps the order within a millisecond while ids of another are made between', () => {
    const ids = Array.from({ length: 1000 }, (_none, nth) => [
      uuidv7(1_700_000_000_000),
      uuidv7(1_700_000_000_001 + (nth % 32)),
    ]);
    const first = ids.map(([one]) => one);
    expect([...first].sort()).toEqual(first);
  });

  it('keeps the order of time, and has version and variant in place', () => {
    const [early, late] = [uuidv7(1_700_000_000_000), uuidv7(1_700_000_000_001 + 10)];
    expect(early < late).toBe(true);
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(isUuid(early)).toBe(true);
  });
});
