/** Goal: a custom kernel is claimed on evidence only, and denied on evidence only. */
import { describe, expect, it } from 'vitest';
import { hasCustomKernel } from './custom-kernel.ts';
import { emptyFacts } from './facts-empty.ts';

const NAMED = 'AB'.repeat(48);
const FACTS = emptyFacts('not read');

describe('whether the next start loads a custom kernel', () => {
  it.each([
    ['policy names one, not started yet', NAMED, 'release', true],
    ['policy names one, which runs', NAMED, 'development', true],
    ['policy names one, kernel not read', NAMED, null, true],
    ['policy names none', 'absent', 'release', false],
    ['policy names none any more, the old one runs until the next start', 'absent', 'development', false],
    ['policy names none, kernel not read', 'absent', null, false],
    ['policy not read, a development kernel runs', null, 'development', true],
    ['policy not read, a kernel with the address sanitizer runs', null, 'kasan', true],
    ['policy not read, a patched kernel runs', null, 'other', true],
    ['policy not read, a release kernel runs: one may wait for its first start', null, 'release', null],
    ['nothing read', null, null, null],
  ] as const)('%s', (_, customKernel, config, expected) => {
    const { bootPolicy, kernel } = FACTS;
    expect(hasCustomKernel({ bootPolicy: { ...bootPolicy, customKernel }, kernel: { ...kernel, config } })).toBe(
      expected,
    );
  });
});
