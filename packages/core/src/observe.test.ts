/** Goal: `observe` is a partition: whatever the facts, exactly one row fits, and every row can be reached. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryFacts } from '../testing/arbitrary-host.ts';
import { raisedFacts, stockFacts } from '../testing/sample-host.ts';
import { emptyFacts } from './facts-empty.ts';
import { fits, OBSERVATIONS, OBSERVED_KINDS, observe } from './observe.ts';
import { macosMajor, readSigns, type Signs } from './observe-signs.ts';

const YES_NO = ['yes', 'no', 'unknown'] as const;

/** Every combination of signs there can be. */
function allSigns(): Signs[] {
  const choices: { readonly [Name in keyof Signs]: readonly Signs[Name][] } = {
    supported: YES_NO,
    unsupportedReason: [null],
    kernel: ['release', 'development', 'other', 'unknown'],
    provable: ['yes', 'no'],
    customKernel: YES_NO,
    lowered: YES_NO,
    quotaInForce: YES_NO,
    quotaStored: YES_NO,
    filtering: YES_NO,
  };
  return Object.entries(choices).reduce<Record<string, unknown>[]>(
    (combined, [name, values]) => combined.flatMap((signs) => values.map((value) => ({ ...signs, [name]: value }))),
    [{}],
  ) as unknown as Signs[];
}

describe('observe', () => {
  it('has exactly one row for every combination of signs, whatever the order of the rows', () => {
    const signs = allSigns();
    expect(signs.length).toBe(3 ** 6 * 4 * 2);
    for (const combination of signs) {
      const fitting = OBSERVATIONS.filter((row) => fits(row, combination));
      expect(fitting.length, JSON.stringify(combination)).toBe(1);
    }
  });

  it('reaches every row from facts', () => {
    const reached = new Set<number>();
    // Fixed seeds: whether a rare row turns up must not depend on the day.
    for (let seed = 1; seed <= 20 && reached.size < OBSERVATIONS.length; seed += 1)
      for (const facts of fc.sample(arbitraryFacts, { numRuns: 10_000, seed })) {
        const signs = readSigns(facts);
        reached.add(OBSERVATIONS.findIndex((row) => fits(row, signs)));
      }
    expect(OBSERVATIONS.filter((_row, index) => !reached.has(index))).toEqual([]);
  });

  it('names only facts that are missing when it cannot tell, and at least one', () => {
    fc.assert(
      fc.property(arbitraryFacts, (facts) => {
        const { kind, missing, reason } = observe(facts);
        expect(OBSERVED_KINDS).toContain(kind);
        expect(missing.length > 0).toBe(kind === 'unknown');
        expect(reason !== null).toBe(kind === 'unsupported');
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['stock', stockFacts()],
    ['quota_in_force', raisedFacts()],
    ['unknown', emptyFacts('not read')],
  ])('says %s', (kind, facts) => {
    expect(observe(facts).kind).toBe(kind);
  });

  it('takes a quota under a release kernel for what it is: asleep', () => {
    const facts = { ...stockFacts(), bootArgs: raisedFacts().bootArgs };
    expect(observe(facts).kind).toBe('quota_asleep');
  });

  it('does not take an Apple silicon Mac under Rosetta for an Intel Mac', () => {
    const facts = stockFacts();
    const rosetta = { ...facts, kernel: { ...facts.kernel, variant: 'X86_64' } };
    expect(observe(rosetta).kind).toBe('stock');
    const nothingElse = { ...rosetta, hardware: { ...facts.hardware, appleSilicon: null } };
    expect(observe(nothingElse)).toMatchObject({ kind: 'unsupported', reason: 'intel' });
  });

  it.each([
    ['14.5', 14],
    ['26', 26],
    ['13.4.1', 13],
    ['', null],
    ['x', null],
    ['14beta', null],
    [null, null],
  ])('reads the major version of %j: %s', (version, major) => {
    expect(macosMajor(version)).toBe(major);
  });
});
