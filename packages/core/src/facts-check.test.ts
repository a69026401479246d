/** Goal: the hand-written rules and the documented JSON Schema say the same about every fact, right or wrong. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kitPlacedFacts, raisedFacts, stockFacts } from '../testing/sample-host.ts';
import type { Facts } from './facts.ts';
import { factsFromUnknown } from './facts-check.ts';
import { emptyFacts, FACT_PATHS, factAt } from './facts-empty.ts';

const schema = JSON.parse(readFileSync(new URL('../schema/facts.schema.json', import.meta.url), 'utf8'));
const fitsSchema = new Ajv2020({ strict: false }).compile(schema);

const full: Facts = {
  ...raisedFacts(),
  sip: { status: 'custom', flags: { 'Apple Internal': false } },
  update: {
    pending: [{ version: '14.6', build: null }],
    autoInstall: null,
    deferralDays: 3,
    prepared: true,
    preparedTarget: { version: '14.6', build: '23G80' },
    enforced: [{ version: '14.6', build: null, at: '2026-03-01T03:00:00' }],
  },
  guests: {
    ...raisedFacts().guests,
    witness: { macosGuests: 3, source: 'probe', at: '2026-03-01T10:10:00Z' },
  },
  receipt: {
    visitId: 'v',
    nonce: 'n',
    writtenAt: '2026-03-01T10:10:00Z',
    steps: { csrutil: 0 },
    customKernel: null,
    outcome: 'done',
  },
};

/** A copy with one value replaced; `undefined` removes the field. */
function withValue(facts: Facts, path: readonly (string | number)[], value: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(facts));
  const parent = path.slice(0, -1).reduce((node, key) => node[key], copy);
  const last = path.at(-1) ?? '';
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

/** Every place in a value, groups and list items included. */
function placesIn(value: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const below = keys.flatMap((key) => placesIn((value as Record<string | number, unknown>)[key], [...at, key]));
  return at.length === 0 ? below : [at, ...below];
}

const WORDS = ['kernel.config', 'sip.status', 'bootPolicy.securityMode', 'fileVault', 'kitFolder'];

/** The schema says what this release's agent sends; a newer one may have other words. */
function isNewWord(place: readonly (string | number)[], value: unknown): boolean {
  const isWord = typeof value === 'string' && /^[a-z][a-z0-9_-]{0,39}$/.test(value);
  return isWord && WORDS.includes(place.join('.'));
}

const WRONG = [null, true, 'text', '', -1, 0, 1.5, 3, [], ['x'], [1], {}, { a: 'b' }, { a: true }, undefined];

describe('facts from JSON', () => {
  it.each([
    ['stock', stockFacts()],
    ['kit placed', kitPlacedFacts()],
    ['raised', raisedFacts()],
    ['full', full],
    ['empty', emptyFacts('not read yet')],
  ])('accepts %s facts, as the schema does', (_name, facts) => {
    expect(factsFromUnknown(facts)).toEqual({ ok: true, facts });
    expect(fitsSchema(facts), JSON.stringify(fitsSchema.errors)).toBe(true);
  });

  it('agrees with the schema for every wrong value in every place', () => {
    let refused = 0;
    for (const place of placesIn(full))
      for (const value of WRONG) {
        const facts = withValue(full, place, value);
        const checked = factsFromUnknown(facts);
        const isTaken = fitsSchema(facts) || isNewWord(place, value);
        expect(checked.ok, `${place.join('.')} = ${JSON.stringify(value)}`).toBe(isTaken);
        if (!checked.ok) refused += 1;
      }
    expect(refused).toBeGreaterThan(500);
  });

  it('agrees with the schema for anything at all', () => {
    fc.assert(
      fc.property(fc.constantFrom(...placesIn(full)), fc.jsonValue(), (place, value) => {
        const facts = withValue(full, place, value);
        expect(factsFromUnknown(facts).ok).toBe(fitsSchema(facts) || isNewWord(place, value));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [['kernel', 'filesetUuid'], 7, 'kernel.filesetUuid: expected a text of at most 16384 characters, seen 7'],
    [['kernel', 'config'], 'De bug', 'kernel.config: expected a word, seen "De bug"'],
    [['kdks', 0, 'complete'], 'yes', 'kdks[0].complete: expected true or false, seen "yes"'],
    [['sip', 'flags', 'Apple Internal'], 1, 'sip.flags["Apple Internal"]: expected true or false, seen 1'],
    [['os'], [], 'os: expected an object, seen a list of 0'],
    [['os', 'build'], undefined, 'os.build: expected a text of at most 16384 characters, seen nothing'],
    [
      ['bootPolicy', 'customKernel'],
      'ABC',
      'bootPolicy.customKernel: expected 96 upper-case hex digits or "absent", seen "ABC"',
    ],
    [['schemaVersion'], 2, 'schemaVersion: expected 1, seen 2'],
  ])('names the place: %j = %j', (place, value, problem) => {
    expect(factsFromUnknown(withValue(full, place, value))).toEqual({ ok: false, problem });
  });

  it.each([[null], ['text'], [[]], [7], [undefined]])('refuses %j as a whole', (value) => {
    expect(factsFromUnknown(value).ok).toBe(false);
  });

  it.each([
    [['guests', 'processesAtMost'], 'guests.processesAtMost', 1e12],
    [['guests', 'derivedQuota'], 'guests.derivedQuota', -3e9],
    [['guests', 'suspectedLeaked'], 'guests.suspectedLeaked', 2_147_483_648],
    [['guests', 'witness', 'macosGuests'], 'guests.witness', 3e9],
    [['update', 'deferralDays'], 'update.deferralDays', 2 ** 53 - 1],
    [['boot', 'ordinal'], 'boot.ordinal', 2 ** 40],
  ])('takes a number that no Mac can have as unknown: %j, keeping the rest', (place, path, value) => {
    const sent = withValue(full, place, value) as Facts;
    const { facts } = factsFromUnknown(sent) as { readonly facts: Facts };
    expect(factAt(facts, path)).toBeNull();
    expect(facts.unknown[path]).toBe(`expected at most 2147483647, seen ${value}`);
    const back = withValue(facts, path.split('.'), factAt(sent, path)) as Facts;
    expect({ ...back, unknown: sent.unknown }).toEqual(sent);
    expect(fitsSchema(facts), JSON.stringify(fitsSchema.errors)).toBe(true);
  });

  it.each(WORDS)('takes a word of %s that a newer agent may say as unknown, keeping the rest', (path) => {
    const sent = withValue(full, path.split('.'), 'later') as Facts;
    const { facts } = factsFromUnknown(sent) as { readonly facts: Facts };
    expect(factAt(facts, path)).toBeNull();
    expect(facts.unknown[path]).toMatch(/^expected one of .*, seen "later"/);
    const back = withValue(facts, path.split('.'), 'later') as Facts;
    expect({ ...back, unknown: sent.unknown }).toEqual(sent);
    expect(fitsSchema(facts), JSON.stringify(fitsSchema.errors)).toBe(true);
  });

  it('keeps the highest number that a Mac can have, and free bytes beyond it', () => {
    const facts = { ...full, guests: { ...full.guests, processesAtMost: 2_147_483_647 }, disk: { freeBytes: 2 ** 45 } };
    expect(factsFromUnknown(facts)).toEqual({ ok: true, facts });
  });

  it('tolerates fields that it does not know, and refuses what is too large', () => {
    expect(factsFromUnknown({ ...full, later: { x: 1 }, os: { ...full.os, later: 1 } }).ok).toBe(true);
    expect(factsFromUnknown(withValue(full, ['os', 'version'], 'x'.repeat(20_000))).ok).toBe(false);
    expect(factsFromUnknown(withValue(full, ['auxiliaryKexts'], Array(10_001).fill('x'))).ok).toBe(false);
  });
});

describe('fact paths', () => {
  it('are those of the schema', () => {
    expect([...FACT_PATHS].sort()).toEqual(leafPaths(schema, '').sort());
  });

  it('all have the reason in empty facts, and are null there', () => {
    const facts = emptyFacts('sysctl is missing');
    for (const path of FACT_PATHS) {
      expect(factAt(facts, path)).toBeNull();
      expect(facts.unknown[path]).toBe('sysctl is missing');
    }
  });

  it('of two empty facts are not shared', () => {
    expect(emptyFacts('a').os).not.toBe(emptyFacts('b').os);
  });
});

interface Node {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
}

/** Leaves of the schema: a nullable object, a list or a map is one fact. */
function leafPaths(node: Node, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = `${prefix}${key}`;
    if (path === 'schemaVersion' || path === 'unknown') return [];
    return child.type === 'object' ? leafPaths(child, `${path}.`) : [path];
  });
}
