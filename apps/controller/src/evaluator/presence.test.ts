import { describe, expect, it } from 'vitest';
import { presenceOf } from './presence.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);
const view = (seenAgo: number | null, visitAgo: number | null = null) =>
  presenceOf({
    lastSeenAt: seenAgo === null ? null : ago(seenAgo),
    visitOpenedAt: visitAgo === null ? null : ago(visitAgo),
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

  it('says when silence alone changes the answer', () => {
    expect(view(10).changesAt).toEqual(new Date(NOW.getTime() + 80_000));
    expect(view(700).changesAt).toEqual(new Date(NOW.getTime() + (86_400 - 700) * 1000));
    expect(view(90_000).changesAt).toBeNull();
  });
});
