// Goal: tools that run guests are told of a drain once, that it is over once, and never that it is over when nothing was.
import { describe, expect, it } from 'vitest';
import { nextVisitStatus, type VisitStatus, visitSentence } from './visit-status.ts';

const AT = new Date('2026-11-23T12:00:00.000Z');
const LATER = new Date('2026-11-23T12:10:00.000Z');
const notice = { visitId: 'v', kind: 'raise', phase: 'drain' };
const drain: VisitStatus = { ...notice, since: AT.toISOString() };
const over: VisitStatus = { ...drain, phase: 'over', since: LATER.toISOString() };

describe('what is said of a visit', () => {
  it.each([
    ['nothing was said, nothing is', null, undefined, null],
    ['a drain begins', null, notice, { ...drain, since: LATER.toISOString() }],
    ['it goes on, since when it began', drain, notice, drain],
    ['it is over', drain, undefined, over],
    ['it stays over', over, undefined, over],
    [
      'the next visit begins',
      over,
      { ...notice, visitId: 'w' },
      { ...drain, visitId: 'w', since: LATER.toISOString() },
    ],
    ['the same visit is drained again', over, notice, { ...drain, since: LATER.toISOString() }],
    [
      'another visit follows at once',
      drain,
      { ...notice, kind: 'restart' },
      { ...drain, kind: 'restart', since: LATER.toISOString() },
    ],
    [
      'a newer controller says more',
      drain,
      { ...notice, phase: 'begun' },
      { ...drain, phase: 'begun', since: LATER.toISOString() },
    ],
  ])('%s', (_name, before, said, expected) => {
    expect(nextVisitStatus(before, said, LATER)).toEqual(expected);
  });

  it('is a sentence only while somebody has to act on it', () => {
    expect(visitSentence(drain)).toMatch(/^visit\.drain: .*raise visit.*Start no new guests/);
    expect([visitSentence(over), visitSentence(null)]).toEqual([null, null]);
  });
});
