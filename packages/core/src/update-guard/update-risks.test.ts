/** Goal: safe is said only where it is known, every update that a Mac faces is judged once, and the bad ends are told as what they are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, KDK, NOW, raisedFacts, saw, sawNo, stockFacts } from '../../testing/sample-host.ts';
import type { Facts } from '../facts.ts';
import type { KernelSight } from '../kdk-kernels.ts';
import { type UpdateGuardInput, updateRisks } from './update-risks.ts';

const NEXT = { version: '14.6', build: '23G80' };
const WITH_NEXT = { ...CATALOGUE, kdks: [KDK, { ...KDK, ...NEXT }] };

const withSeen = (...sights: readonly KernelSight[]) => ({ ...CATALOGUE, kdks: [KDK, { ...KDK, ...NEXT, sights }] });

const facing = (update: Partial<Facts['update']>, facts = stockFacts()): Facts => ({
  ...facts,
  update: { ...facts.update, ...update },
});
const risks = (facts: Facts, changes: Partial<UpdateGuardInput> = {}) =>
  updateRisks({ facts, catalogue: CATALOGUE, acceptances: [], now: NOW, ...changes });
const verdicts = (facts: Facts, changes: Partial<UpdateGuardInput> = {}) =>
  risks(facts, changes).map(({ target, verdict }) => [target, verdict]);
const offered = (build: string | null, facts = stockFacts()) =>
  facing({ pending: [{ version: '14.6', build }] }, facts);
const withKernel = (variant: string | null, facts: Facts): Facts => ({
  ...facts,
  kernel: { ...facts.kernel, variant },
});
const withPolicy = (customKernel: string | null, facts: Facts): Facts => ({
  ...facts,
  bootPolicy: { ...facts.bootPolicy, customKernel },
});
const installed = (variants: readonly string[]): Facts => ({
  ...offered('23G80'),
  kdks: [{ ...NEXT, complete: true, variants, reason: null }],
});

describe('the verdict on an offered update', () => {
  it.each<readonly [string, Facts, typeof CATALOGUE, string, RegExp]>([
    [
      'stock, KDK there',
      offered('23G80'),
      WITH_NEXT,
      'safe',
      /23G80 is in the catalogue.*is seen when it is installed/,
    ],
    ['stock, KDK there and here', installed(['T6020']), WITH_NEXT, 'safe', /holds a kernel for T6020/],
    [
      'raised, KDK there',
      offered('23G80', raisedFacts()),
      WITH_NEXT,
      'safe',
      /does not outlive.*Nobody can know which/,
    ],
    ['stock, no KDK', offered('23G80'), CATALOGUE, 'two_guests', /No KDK for build 23G80.*stock kernel boots/],
    ['stock, KDK of other chips', installed(['T8112']), WITH_NEXT, 'two_guests', /holds no kernel for T6020/],
    ['stock, seen elsewhere', offered('23G80'), withSeen(saw('T6020')), 'safe', /holds a kernel for T6020/],
    ['stock, seen without it', offered('23G80'), withSeen(saw('T8112'), saw('T8112')), 'two_guests', /as Macs showed/],
    ['stock, not found elsewhere', offered('23G80'), withSeen(sawNo('T6020'), sawNo('T6020')), 'two_guests', /as Macs/],
    ['stock, not found by one', offered('23G80'), withSeen(sawNo('T6020')), 'safe', /mac-\d+ did not find it there/],
    [
      'stock, seen here',
      installed(['T6020']),
      withSeen(saw('T8112'), saw('T8112')),
      'safe',
      /holds a kernel for T6020/,
    ],
    [
      'raised, no KDK',
      offered('23G80', raisedFacts()),
      CATALOGUE,
      'no_boot',
      /No KDK.*stops at an error.*or the update/,
    ],
    [
      'policy unread, custom kernel runs',
      withPolicy(null, offered('23G80', raisedFacts())),
      CATALOGUE,
      'no_boot',
      /No KDK/,
    ],
    ['policy unread, stock runs', withPolicy(null, offered('23G80')), CATALOGUE, 'unknown', /policy could not be read/],
    [
      'custom kernel runs, policy without it',
      withPolicy('absent', offered('23G80', raisedFacts())),
      CATALOGUE,
      'two_guests',
      /stock/,
    ],
    ['build untold', offered(null), WITH_NEXT, 'unknown', /does not tell which build/],
    ['rapid response', offered('23F770820d'), WITH_NEXT, 'unknown', /rapid response/],
    ['variant unread', withKernel(null, offered('23G80')), WITH_NEXT, 'unknown', /variant .* not known/],
    ['variant not in the table', withKernel('T9999', offered('23G80')), WITH_NEXT, 'unknown', /T9999/],
    ['variant that no KDK is known to hold', withKernel('T6050', offered('23G80')), WITH_NEXT, 'unknown', /T6050/],
  ])('%s', (_name, facts, catalogue, verdict, basis) => {
    const [risk, ...others] = risks(facts, { catalogue });
    expect(others).toEqual([]);
    expect(risk?.verdict).toBe(verdict);
    expect(risk?.basis).toMatch(basis);
  });
});

describe('updates that a Mac faces', () => {
  it.each<readonly [string, Partial<Facts['update']>, readonly (readonly [string, string, string | null])[]]>([
    ['none', {}, []],
    ['unread', { pending: null, prepared: null, enforced: null }, []],
    ['what runs already', { pending: [{ version: '14.5', build: '23F79' }] }, []],
    [
      'one, told three times',
      {
        pending: [NEXT],
        prepared: true,
        preparedTarget: NEXT,
        enforced: [{ ...NEXT, build: null, at: '2026-03-02T03:00:00' }],
      },
      [['23G80', 'offered prepared enforced', '2026-03-02T03:00:00']],
    ],
    [
      'prepared, and older than what runs',
      { prepared: true, preparedTarget: { version: '14.4', build: '23E214' } },
      [],
    ],
    ['prepared, of what is not told', { prepared: true, preparedTarget: null }, [['unnamed', 'prepared', null]]],
    [
      'an older agent',
      { pending: [NEXT], prepared: true },
      [
        ['23G80', 'offered', null],
        ['unnamed', 'prepared', null],
      ],
    ],
    ['enforced, with no build', { enforced: [{ version: '15.1', build: null, at: 'T' }] }, [['15.1', 'enforced', 'T']]],
    [
      'a declaration that was met',
      {
        enforced: [
          { version: '14.5', build: null, at: 'T' },
          { version: '14.4', build: '23E214', at: 'T' },
        ],
      },
      [],
    ],
    [
      'two builds of one version',
      { pending: [NEXT, { version: '14.6', build: '23G81' }], enforced: [{ version: '14.6', build: null, at: 'T' }] },
      [
        ['14.6', 'enforced', 'T'],
        ['23G80', 'offered', null],
        ['23G81', 'offered', null],
      ],
    ],
  ])('%s', (_name, update, expected) => {
    const found = risks(facing(update)).map(({ target, ways, enforcedAt }) => [target, ways.join(' '), enforcedAt]);
    expect(found).toEqual(expected);
  });
});

describe('an acceptance', () => {
  const acceptance = {
    id: 'a',
    targets: ['23G80', '15.1'],
    reason: 'r',
    acceptedBy: 'token:admin',
    expiresAt: '2026-03-02T00:00:00.000Z',
  };
  const accepted = (facts: Facts, changes: Partial<UpdateGuardInput> = {}) =>
    risks(facts, { acceptances: [acceptance], ...changes }).map((risk) => risk.acceptance?.id ?? null);

  it('covers what it names, until its end, and nothing that is safe', () => {
    expect(accepted(offered('23G80'))).toEqual(['a']);
    expect(accepted(offered('23G81'))).toEqual([null]);
    expect(accepted(facing({ enforced: [{ version: '15.1', build: null, at: 'T' }] }))).toEqual(['a']);
    expect(accepted(offered('23G80'), { now: new Date(acceptance.expiresAt) })).toEqual([null]);
    expect(accepted(offered('23G80'), { catalogue: WITH_NEXT })).toEqual([null]);
  });
});

describe('for every Mac and every update', () => {
  const maybe = <T>(...values: readonly T[]) => fc.constantFrom<T | null>(null, ...values);
  const target = fc.record({
    version: maybe('14.5', '14.6', '15.1', 'beta'),
    build: maybe('23F79', '23G80', '24B82', '23F770820d'),
  });
  const arbitrary = fc.record({
    base: fc.constantFrom(stockFacts(), raisedFacts()),
    pending: fc.option(
      fc.array(target, { maxLength: 4 }).map((all) => all.map((one) => ({ ...one, version: one.version ?? '14.6' }))),
    ),
    prepared: maybe(true, false),
    preparedTarget: fc.option(target),
    enforced: fc.option(
      fc
        .array(target, { maxLength: 3 })
        .map((all) => all.map((one) => ({ ...one, version: one.version ?? '15.1', at: 'T' }))),
    ),
    variant: maybe('T6020', 't6020', 'T9999', 'T6050'),
    customKernel: maybe('absent', 'A1'.repeat(48)),
    builds: fc.subarray(['23F79', '23G80', '24B82']),
  });

  it('safe rests on the KDK of exactly that build, the bad ends on the policy, and each target is told once', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(arbitrary, ({ base, variant, customKernel, builds, ...update }) => {
        const facts = withPolicy(customKernel, withKernel(variant, facing(update, base)));
        const catalogue = { ...CATALOGUE, kdks: builds.map((build) => ({ ...KDK, build })) };
        const found = risks(facts, { catalogue });
        expect(new Set(found.map((risk) => risk.target)).size).toBe(found.length);
        for (const { verdict, build, basis, ways } of found) {
          seen.add(verdict);
          expect(ways.length).toBeGreaterThan(0);
          expect(basis).toMatch(/^(?:[A-Z]|macOS ).*\.$/);
          expect(build).not.toBe(facts.os.build);
          if (build === null) expect(verdict).toBe('unknown');
          if (verdict === 'safe') expect(builds).toContain(build);
          if (verdict === 'two_guests') expect(customKernel).toBe('absent');
          if (verdict === 'no_boot') expect(customKernel).not.toBe('absent');
        }
      }),
      { numRuns: 2000 },
    );
    expect([...seen].sort()).toEqual(['no_boot', 'safe', 'two_guests', 'unknown']);
  });

  it('more KDKs in the catalogue never make a verdict worse', () => {
    fc.assert(
      fc.property(arbitrary, ({ base, variant, customKernel, builds, ...update }) => {
        const facts = withPolicy(customKernel, withKernel(variant, facing(update, base)));
        const some = verdicts(facts, { catalogue: { ...CATALOGUE, kdks: builds.map((build) => ({ ...KDK, build })) } });
        const all = verdicts(facts, {
          catalogue: { ...CATALOGUE, kdks: ['23F79', '23G80', '24B82'].map((build) => ({ ...KDK, build })) },
        });
        for (const [at, [, verdict]] of some.entries()) if (verdict === 'safe') expect(all[at]?.[1]).toBe('safe');
      }),
      { numRuns: 500 },
    );
  });
});
