import { describe, expect, it } from 'vitest';
import { monthInName, monthOf, nameOf, startOf } from './month.ts';

describe('months', () => {
  it.each([
    ['2026-12-31T23:59:59.999Z', '2026_12', '2026-12-01T00:00:00.000Z'],
    ['2027-01-01T00:00:00.000Z', '2027_01', '2027-01-01T00:00:00.000Z'],
    // 00:30 in Berlin is still the month before in UTC.
    ['2026-11-01T00:30:00+02:00', '2026_10', '2026-10-01T00:00:00.000Z'],
  ])('%s lies in %s', (at, name, start) => {
    const month = monthOf(new Date(at));
    expect(nameOf(month)).toBe(name);
    expect(startOf(month).toISOString()).toBe(start);
    expect(monthInName('audit', `audit_${name}`)).toBe(month);
  });

  it.each(['audit_default', 'audit_2026_13', 'host_event_2026_11', 'audit_2026_11_old'])(
    '%s is no month of audit',
    (name) => {
      expect(monthInName('audit', name)).toBeNull();
    },
  );
});
