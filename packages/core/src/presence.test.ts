import { describe, expect, it } from 'vitest';
import { clearToShutDown, defaultDueAt, expectedBackAt, presenceOf } from './presence.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);
const orNull = (seconds: number | null) => (seconds === null ? null : ago(seconds));
const view = (
  seenAgo: number | null,
  visitAgo: number | null = null,
  doneAgo: number | null = null,
  bootAgo: number | null = 100_000,
) =>
  presenceOf({
    lastSeenAt: orNull(seenAgo),
    bootFirstSeenAt: orNull(bootAgo),
    visit: visitAgo === null ? null : { openedAt: ago(visitAgo), doneAt: orNull(doneAgo) },
    checkInMs: 30_000,
    now: NOW,
  });

describe('presence', () => {
  it.each([
    [0, null, 'online'],
    [89, null, 'online'],
    [90, null, 'asleep'],
    [90, 300, 'in_visit'],
    [89, 300, 'online'],
    [3599, 9000, 'in_visit'],
    [3600, 9000, 'silent'],
    [599, null, 'asleep'],
    [600, null, 'silent'],
    [86_399, null, 'silent'],
    [86_400, null, 'lost'],
    [null, null, 'silent'],
  ])('last seen %s s ago, visit opened %s s ago: %s', (seen, visit, expected) => {
    expect(view(seen, visit).presence).toBe(expected);
  });

  // With check-ins every 30 s a done visit explains 5 min and three of them: 390 s.
  it.each([
    [900, 1800, 10, 'in_visit'],
    [900, 1800, 389, 'in_visit'],
    [900, 1800, 390, 'silent'],
    [450, 1800, 400, 'asleep'],
    [380, 1800, 1000, 'in_visit'],
    [80, 1800, 1000, 'online'],
    [90_000, 95_000, 91_000, 'lost'],
  ])('last seen %s s ago, opened %s s ago, done %s s ago: %s', (seen, visit, done, expected) => {
    expect(view(seen, visit, done).presence).toBe(expected);
  });

  it('a done is spent once the Mac was heard in a boot after it', () => {
    expect(view(900, 3000, 2000, 1500).presence).toBe('in_visit');
    expect(view(900, 3000, 2000, 2500).presence).toBe('silent');
  });

  // The controller was away for two hours, and is back for as many seconds; check-ins come every 30 s.
  it.each([
    [179, null, 'asleep', 1],
    [180, null, 'silent', null],
    [179, 7300, 'in_visit', 1],
    [180, 7300, 'silent', null],
  ])('back for %s s, visit opened %s s ago: %s', (back, visitAgo, expected, settlesIn) => {
    const visit = visitAgo === null ? null : { openedAt: ago(visitAgo), doneAt: null };
    const input = { lastSeenAt: ago(7200), bootFirstSeenAt: null, visit, checkInMs: 30_000, now: NOW };
    const { presence, changesAt } = presenceOf({ ...input, listeningSince: ago(back) });
    expect(presence).toBe(expected);
    if (settlesIn !== null) expect(changesAt).toEqual(ago(-settlesIn));
  });

  it('a start in a time to come, before the clock was set back, explains no silence', () => {
    const input = { lastSeenAt: ago(7200), bootFirstSeenAt: null, visit: null, checkInMs: 30_000, now: NOW };
    expect(presenceOf({ ...input, listeningSince: ago(-86_400) }).presence).toBe('silent');
  });

  it('no visit that was not opened explains anything', () => {
    const visit = { openedAt: null, doneAt: ago(10) };
    expect(expectedBackAt({ lastSeenAt: ago(700), bootFirstSeenAt: null, visit, checkInMs: 30_000 })).toBeNull();
  });

  it('says when silence alone changes the answer', () => {
    expect(view(900, 1800, 100).changesAt).toEqual(new Date(NOW.getTime() + 290_000));
    expect(view(10).changesAt).toEqual(new Date(NOW.getTime() + 80_000));
    expect(view(700).changesAt).toEqual(new Date(NOW.getTime() + (86_400 - 700) * 1000));
    expect(view(90_000).changesAt).toBeNull();
  });
});

describe('clear to shut down', () => {
  it.each([
    [0, 'online', 60, 10, true],
    [0, 'online', 15, 10, true],
    [0, 'online', 14, 10, null],
    [0, 'online', 5, 10, null],
    [0, 'online', null, 10, null],
    [0, 'online', 60, null, null],
    [1, 'online', 60, 10, false],
    [1, 'online', null, 10, false],
    [null, 'online', 60, 10, null],
    [0, 'asleep', 60, 10, null],
    [0, 'in_visit', 60, 10, null],
    [3, 'silent', 60, 10, null],
  ] as const)(
    '%s guests at most, %s, drained %s s ago, heard %s s ago: %s',
    (guests, presence, drain, seen, expected) => {
      const [drainedSince, lastSeenAt] = [orNull(drain), orNull(seen)];
      expect(clearToShutDown({ processesAtMost: guests, presence, drainedSince, lastSeenAt })).toBe(expected);
    },
  );
});

describe('the time a visit is due', () => {
  it('is never after the consent, and never in the past', () => {
    const days = (count: number) => new Date(NOW.getTime() + count * 86_400_000);
    expect(defaultDueAt('raise', NOW, null)).toEqual(days(7));
    expect(defaultDueAt('raise', NOW, days(2))).toEqual(days(2));
    expect(defaultDueAt('raise', NOW, days(-2))).toEqual(NOW);
    expect(defaultDueAt('recover', NOW, null).getTime()).toBeLessThan(defaultDueAt('restart', NOW, null).getTime());
  });
});
