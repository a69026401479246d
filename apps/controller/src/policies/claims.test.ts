/** Goal: one policy holds a host, by a rule that people can repeat. */
import { describe, expect, it } from 'vitest';
import { type Claim, holderOf } from './claims.ts';

const claim = (policyId: string, changes: Partial<Claim> = {}): Claim => ({
  policyId,
  revisionId: `${policyId}-1`,
  priority: 0,
  named: false,
  selected: true,
  ...changes,
});
const holder = (...claims: Claim[]) => {
  const found = holderOf(claims);
  return found.kind === 'free' ? 'free' : `${found.kind} ${found.by.policyId}`;
};

describe('a host is held by', () => {
  it.each([
    ['nobody', [], 'free'],
    ['the older policy', [claim('b'), claim('a')], 'held a'],
    ['the higher priority before the older', [claim('a'), claim('b', { priority: 1 })], 'held b'],
    ['whoever names it before any priority', [claim('a', { priority: 9 }), claim('b', { named: true })], 'held b'],
    [
      'the higher of two that name it',
      [claim('a', { named: true }), claim('b', { named: true, priority: 1 })],
      'held b',
    ],
    ['an unknown one that would come first', [claim('a', { selected: null, priority: 1 }), claim('b')], 'unknown a'],
    ['a known one before an unknown one', [claim('a', { priority: 1 }), claim('b', { selected: null })], 'held a'],
  ])('%s', (_name, claims, expected) => {
    expect(holder(...claims)).toBe(expected);
  });
});
