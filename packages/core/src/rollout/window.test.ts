/** Goal: a window means local time, over midnight and over the change to summer time. */
import { describe, expect, it } from 'vitest';
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

  it('knows its length and its time zone', () => {
    expect(windowMinutes(NIGHT)).toBe(480);
    expect(windowMinutes({ ...NIGHT, from: '00:00', to: '00:00' })).toBe(1440);
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Middle/Earth')]).toEqual([true, false]);
  });
});
