/** Goal: a filter means one thing: it reads back as itself, unknown stays unknown, and a refusal says where and what. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryFilter, arbitraryFilterHost } from '../../testing/arbitrary-filter.ts';
import { stockFacts } from '../../testing/sample-host.ts';
import { type Filter, formatFilter } from './filter.ts';
import { hostFieldNames, hostFields } from './host-fields.ts';
import { type FilterHost, matchesHost } from './match-host.ts';
import { parseFilter } from './parse.ts';

const HOST: FilterHost = {
  labels: ['lab', 'ci'],
  site: 'default',
  hardwareUuid: '3D6B9F2E-1111-4222-8333-444455556666',
  facts: stockFacts(),
  state: 'raised',
  presence: 'online',
  proof: 'witnessed',
  findings: ['NO_HANDS'],
  quota: 255,
};

function matches(text: string, host: FilterHost = HOST): boolean | null {
  const parsed = parseFilter(text, hostFields('all'));
  if (!parsed.ok) throw new Error(`${text}: ${parsed.expected} at ${parsed.position}`);
  return matchesHost(parsed.filter, host);
}

describe('a filter', () => {
  it.each([
    ['state==raised;label=in=(lab,office),chip==T8103', true],
    ['state==raised;(label==office,chip==t6020)', true],
    ['label==office', false],
    ['proof==witnessed', true],
    ['finding==no_hands;finding!=DISK_TOO_SMALL', true],
    ['finding=in=(DISK_TOO_SMALL)', false],
    ['proof=in=(none,configured)', false],
    ['label!=office', true],
    ['label=out=(ci,office)', false],
    ['os>=14.5;os<14.10', true],
    ['os=lt=14', false],
    ['os=gt=14', true],
    ['model=="Mac14,12"', true],
    ["model=='Mac14,12'", true],
    ['quota>16', true],
    ['quota!=255', false],
    ['uuid==3d6b9f2e-1111-4222-8333-444455556666', true],
    ['build=out=(23F79,24B82)', false],
    ['  ( state == raised )  ', true],
  ])('%s: %s', (text, expected) => {
    expect(matches(text)).toBe(expected);
  });

  it('leaves unknown what it cannot know, and knows what does not depend on it', () => {
    const unknown: FilterHost = { ...HOST, facts: null };
    expect(matches('chip==T6020', unknown)).toBeNull();
    expect(matches('chip!=T6020', unknown)).toBeNull();
    expect(matches('chip=out=(T6020)', unknown)).toBeNull();
    expect(matches('os<14', unknown)).toBeNull();
    expect(matches('chip==T6020;label==office', unknown)).toBe(false);
    expect(matches('chip==T6020;label==lab', unknown)).toBeNull();
    expect(matches('chip==T6020,label==lab', unknown)).toBe(true);
    const beta = { ...HOST, facts: { ...stockFacts(), os: { ...stockFacts().os, version: '27.0 beta' } } };
    expect(matches('os>=13', beta)).toBeNull();
  });

  it.each([
    ['', 1, /"\(" or a field: label, site/, 'the end'],
    ['label', 6, /an operator of label: == != =in= =out=/, 'the end'],
    ['colour==red', 1, /a field: label, site, chip/, '"colour"'],
    ['label==lab state==raised', 12, /";", "," or the end/, '"state"'],
    ['label=gt=lab', 6, /an operator of label/, '"=gt="'],
    ['os==fourteen', 5, /a version such as 14\.5/, '"fourteen"'],
    ['quota==many', 8, /a whole number/, '"many"'],
    ['state==rised', 8, /one of no_facts, .*raised/, '"rised"'],
    ['(label==lab', 12, /";", "," or "\)"/, 'the end'],
    ['label=in=lab', 10, /"\(" and a list/, '"lab"'],
    ['label==mac*', 11, /";", "," or the end/, '"*"'],
    ['label=="lab', 8, /a value/, '"\\""'],
    [`${'('.repeat(11)}label==lab${')'.repeat(11)}`, 11, /at most 10 levels/, '"("'],
  ])('%s is refused at %i', (text, position, expected, seen) => {
    const parsed = parseFilter(text, hostFields('all'));
    expect(parsed).toMatchObject({ ok: false, position, seen });
    expect(parsed.ok ? '' : parsed.expected).toMatch(expected);
  });

  it('of a policy takes identity fields only, and lists them', () => {
    expect(parseFilter('chip==T6020;site==berlin', hostFields('identity')).ok).toBe(true);
    for (const text of ['state==raised', 'presence==online', 'quota==255']) {
      const parsed = parseFilter(text, hostFields('identity'));
      expect(parsed).toMatchObject({ ok: false, position: 1 });
      for (const name of hostFieldNames('identity')) expect(parsed.ok ? '' : parsed.expected).toContain(name);
    }
  });

  it('reads back as itself', () => {
    fc.assert(
      fc.property(arbitraryFilter, (filter) => {
        expect(parseFilter(formatFilter(filter), hostFields('all'))).toEqual({ ok: true, filter });
      }),
      { numRuns: 300 },
    );
  });

  it('and its opposite never both hold, and are unknown together', () => {
    fc.assert(
      fc.property(arbitraryFilter, arbitraryFilterHost, (filter, host) => {
        const answer = matchesHost(filter, host);
        expect(matchesHost(opposite(filter), host)).toBe(answer === null ? null : !answer);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const parsed = parseFilter(text, hostFields('all'));
        if (!parsed.ok) expect(parsed.position).toBeGreaterThan(0);
      }),
    );
  });
});

const OPPOSITES = {
  '==': '!=',
  '!=': '==',
  '=in=': '=out=',
  '=out=': '=in=',
  '=lt=': '=ge=',
  '=ge=': '=lt=',
  '=gt=': '=le=',
  '=le=': '=gt=',
} as const;

function opposite(filter: Filter): Filter {
  if (filter.kind === 'compare') return { ...filter, operator: OPPOSITES[filter.operator] };
  return { kind: filter.kind === 'and' ? 'or' : 'and', parts: filter.parts.map(opposite) };
}
