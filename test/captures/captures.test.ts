/** Holds the agent's reading to real outputs: each captured file has its values or its unknowns, verbatim ones first. */
import { describe, expect, it } from 'vitest';
import { type Expectations, FIXTURES, filesBelow, KINDS, readCaptures, readIndex } from './capture.ts';
import { KERNEL } from './expectations/kernel.ts';
import { KERNEL_COLLECTIONS } from './expectations/kernel-collections.ts';
import { MACHINE } from './expectations/machine.ts';
import { PACKAGES } from './expectations/packages.ts';
import { POLICY } from './expectations/policy.ts';

const EXPECTATIONS: Expectations = { ...KERNEL, ...POLICY, ...MACHINE, ...PACKAGES, ...KERNEL_COLLECTIONS };
const captures = readCaptures();

describe('the set of captures', () => {
  it('has an expectation for every file, and none too many', () => {
    expect(Object.keys(EXPECTATIONS).sort()).toEqual(filesBelow(FIXTURES));
  });

  it('is the one that INDEX.md describes', () => {
    expect([...readIndex().keys()].sort()).toEqual(filesBelow(FIXTURES));
  });
});

describe.each(KINDS)('%s', (kind) => {
  const ofKind = captures.filter((capture) => capture.kind === kind);
  it.each(ofKind.map((capture) => [capture.file, capture] as const))('%s', async (file, capture) => {
    const expectation = EXPECTATIONS[file];
    expect(expectation, `${file} has no expectation`).toBeDefined();
    expect(await expectation?.read(capture)).toEqual(expectation?.says);
  });
});
