/** Goal: a window means local time, over midnight and over the change to summer time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WEEKDAYS } from './strategy.ts';
import { isInWindow, isTimeZone, opensAt, windowMinutes } from './window.ts';

const NIGHT = { timeZone: 'Europe/Berlin', days: ['Sat'] as const, from: '22:00', to: '06:00' };
const at = (text: string) => new Date(text);

describe('a maintenance window', () => {
  it.each([
    ['2026-03-28T20:59:00Z', false],
    ['2026-03-28T21:00:00Z', true],
    // Clocks go forward in this night: 06:00 is 04:00 UTC then.
    ['2026-03-29T03:59:00Z', true],
    ['2026-03-29T04:00:00Z', false],
    ['2026-03-27T22:00:00Z', false],
  ])('%s: %s', (time, expected) => {
    expect(isInWindow(NIGHT, at(time))).toBe(expected);
  });

  it('opens next at its first minute', () => {
    expect(opensAt(NIGHT, at('2026-03-25T12:07:31Z'))).toEqual(at('2026-03-28T21:00:00Z'));
    expect(opensAt({ ...NIGHT, from: '22:07', to: '22:30' }, at('2026-03-28T21:30:00Z'))).toEqual(
      at('2026-04-04T20:07:00Z'),
    );
    expect(opensAt(NIGHT, at('2026-03-28T22:30:00Z'))).toEqual(at('2026-03-28T22:30:00Z'));
    expect(opensAt({ ...NIGHT, days: [] }, at('2026-03-28T22:30:00Z'))).toBeNull();
  });

  it('opens next at the minute that asking each minute finds, over a change of summer time too', () => {
    const minute = fc.nat({ max: 95 }).map((quarter) => quarter * 15 + (quarter % 4));
    const text = (of: number) =>
      [Math.floor(of / 60) % 24, of % 60].map((one) => String(one).padStart(2, '0')).join(':');
    fc.assert(
      fc.property(
        minute,
        fc.integer({ min: 15, max: 1439 }),
        fc.subarray([...WEEKDAYS]),
        fc.nat({ max: 4000 }),
        (from, length, days, later) => {
          const window = { timeZone: 'Europe/Berlin', days, from: text(from), to: text(from + length) };
          const now = new Date(Date.parse('2026-03-26T07:00:20Z') + later * 60_000);
          let first = Math.ceil(now.getTime() / 60_000) * 60_000;
          const end = first + 8 * 24 * 3_600_000;
          while (first <= end && !isInWindow(window, new Date(first))) first += 60_000;
          const found = isInWindow(window, now) ? now : first > end ? null : new Date(first);
          expect(opensAt(window, now)).toEqual(found);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('knows its length and its time zone', () => {
    expect(windowMinutes(NIGHT)).toBe(480);
    expect(windowMinutes({ ...NIGHT, from: '00:00', to: '00:00' })).toBe(1440);
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Middle/Earth')]).toEqual([true, false]);
  });
});
