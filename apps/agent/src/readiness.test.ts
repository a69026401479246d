/** Goal: what a Mac alone cannot know is not said of it. */
import type { Facts } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, KC, QUOTA, raisedFacts, stockFacts } from '../../../packages/core/testing/sample-host.ts';
import { readReadiness } from './readiness.ts';

const judged = (facts: Facts) => readReadiness({ facts, quota: QUOTA, catalogue: CATALOGUE });
const whats = (facts: Facts) => judged(facts).problems.map(({ what }) => what);
const collection = { path: KC.path, build: KC.build, variant: KC.variant, sha256: KC.sha256, md5: KC.md5, bundles: 1 };

describe('a development kernel that runs', () => {
  it('is ours if it is a collection that lies here', () => {
    expect(judged(raisedFacts())).toMatchObject({ state: 'raised', problems: [] });
  });

  it("is another's if one that was built here is another", () => {
    const other = { ...collection, uuid: '99999999-2222-4333-8444-555555555555' };
    const facts = { ...raisedFacts(), kernelCollections: [other] };
    expect(judged(facts).state).toBe('foreign_kernel');
    expect(whats(facts)).toContain('A custom kernel runs that is not the one built here');
  });

  it.each([
    ['could not be read', null],
    ['do not lie here any more', []],
  ])("is nobody's to tell where collections %s", (words, kernelCollections) => {
    const { state, problems } = judged({ ...raisedFacts(), kernelCollections });
    expect(state).toBe('unknown');
    expect(problems[0]?.detail).toContain(words);
    expect(problems.filter(({ what }) => what.startsWith('A custom kernel runs'))).toEqual([]);
  });
});

describe('a fact that could not be read', () => {
  it.each([
    ['bputil needs root', /as root/],
    ['/usr/bin/uname is not on this Mac', /part of macOS/],
    ['/usr/bin/uname went over its time limit and was killed', /restart/],
    ['uname printed no kernel version: "x"', /in Terminal/],
  ])('%s: comes with what to do', (reason, next) => {
    const stock = stockFacts();
    const facts = { ...stock, kernel: { ...stock.kernel, variant: null }, unknown: { 'kernel.variant': reason } };
    expect(
      judged(facts)
        .problems.map((problem) => problem.next)
        .join(),
    ).toMatch(next);
  });
});
