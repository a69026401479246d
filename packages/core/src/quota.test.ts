/** Goal: a quota is read as the kernel would read it, and everything else is refused with the reason. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuota, QUOTA_MAX, QUOTA_STOCK, quotaToHex } from './quota.ts';

describe('parseQuota', () => {
  it.each<[string | number, number]>([
    ['stock', 2],
    [' Stock ', 2],
    ['2', 2],
    [2, 2],
    ['0x2', 2],
    ['3', 3],
    [3, 3],
    ['255', 255],
    ['0xFF', 255],
    ['0Xff', 255],
    ['0x0000FF', 255],
    ['2147483647', QUOTA_MAX],
    ['0x7FFFFFFF', QUOTA_MAX],
  ])('%j -> %i', (input, quota) => {
    expect(parseQuota(input)).toEqual({ ok: true, quota });
  });

  it.each<[string | number, RegExp]>([
    ['', /is needed/],
    ['0', /below/],
    ['1', /below/],
    [0, /below/],
    ['010', /octal/],
    ['1k', /suffix/],
    ['-3', /negative/],
    [-3, /below/],
    ['0x', /not a quota/],
    ['3.5', /not a quota/],
    ['1e3', /not a quota/],
    [3.5, /whole number/],
    [Number.NaN, /whole number/],
    [Number.POSITIVE_INFINITY, /0x7FFFFFFF/],
    ['0x80000000', /0x7FFFFFFF/],
    ['2147483648', /0x7FFFFFFF/],
    ['9'.repeat(400), /0x7FFFFFFF/],
    ['many', /not a quota/],
  ])('refuses %j: %s', (input, reason) => {
    expect(parseQuota(input)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  it('reads back what it writes, in decimal and hex', () => {
    fc.assert(
      fc.property(fc.integer({ min: QUOTA_STOCK, max: QUOTA_MAX }), (quota) => {
        expect(parseQuota(quotaToHex(quota))).toEqual({ ok: true, quota });
        expect(parseQuota(String(quota))).toEqual({ ok: true, quota });
        expect(quotaToHex(quota)).toMatch(/^0x[1-9A-F][0-9A-F]*$/);
      }),
    );
  });

  it('never accepts a value outside the range, nor answers at length, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 500 }), fc.double(), fc.integer()), (input) => {
        const parsed = parseQuota(input);
        expect(parsed.ok || parsed.reason.length < 400).toBe(true);
        if (!parsed.ok) return;
        expect(Number.isInteger(parsed.quota)).toBe(true);
        expect(parsed.quota).toBeGreaterThanOrEqual(QUOTA_STOCK);
        expect(parsed.quota).toBeLessThanOrEqual(QUOTA_MAX);
      }),
    );
  });
});
