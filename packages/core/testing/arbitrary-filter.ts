/** Arbitrary filters and hosts for property tests: values that meet, values that do not, and facts that are unknown. */
import fc from 'fast-check';
import { type FilterTable, OPERATORS_OF } from '../src/filter/fields.ts';
import type { Comparison, Filter, FilterValue } from '../src/filter/filter.ts';
import { HOST_FIELDS, type HostFieldName } from '../src/filter/host-fields.ts';
import type { FilterHost } from '../src/filter/match-host.ts';
import { stockFacts } from './sample-host.ts';

const UUIDS = ['3D6B9F2E-1111-4222-8333-444455556666', '3D6B9F2E-1111-4222-8333-444455556667'];
const TEXTS: Readonly<Record<HostFieldName, readonly FilterValue[]>> = {
  label: ['lab', 'ci', 'a b', 'quote"d'],
  site: ['default', 'berlin'],
  chip: ['T6020', 'T8103'],
  variant: ['T6020', 'T8103'],
  model: ['Mac14,12', 'Mac14,2', 'back\\slash'],
  os: [[14], [14, 5], [14, 10], [14, 5, 1], [15, 1]],
  build: ['23F79', '24B82'],
  uuid: UUIDS,
  serial: ['C02SIMULATED', 'X;Y'],
  state: ['raised', 'not_started'],
  presence: ['online', 'lost'],
  proof: ['none', 'configured', 'witnessed'],
  finding: ['NO_HANDS', 'DISK_TOO_SMALL', 'NEVER_SEEN'],
  quota: [2, 8, 255],
};

/** Filters over these fields, with these values for each. */
export function arbitraryFilterOf(
  fields: FilterTable,
  values: Readonly<Record<string, readonly FilterValue[]>>,
): fc.Arbitrary<Filter> {
  const comparison: fc.Arbitrary<Comparison> = fc.constantFrom(...Object.entries(fields)).chain(([field, { type }]) =>
    fc.constantFrom(...OPERATORS_OF[type]).chain((operator) => {
      const isList = operator === '=in=' || operator === '=out=';
      return fc
        .array(fc.constantFrom(...(values[field] ?? [])), { minLength: 1, maxLength: isList ? 3 : 1 })
        .map((some) => ({ kind: 'compare' as const, field, type, operator, values: some }));
    }),
  );
  return fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'filter' },
      { weight: 3, arbitrary: comparison },
      {
        weight: 2,
        arbitrary: fc
          .record({
            kind: fc.constantFrom('and' as const, 'or' as const),
            parts: fc.array(tie('filter'), { minLength: 2, maxLength: 3, depthIdentifier: 'filter' }),
          })
          .map((group): Filter => group),
      },
    ),
  })).filter;
}

export const arbitraryFilter: fc.Arbitrary<Filter> = arbitraryFilterOf(HOST_FIELDS, TEXTS);

const text = (field: HostFieldName) => fc.constantFrom(...TEXTS[field].map(String));
const fact = (field: HostFieldName) => fc.option(text(field), { nil: null, freq: 4 });

export const arbitraryFilterHost: fc.Arbitrary<FilterHost> = fc
  .record({
    labels: fc.subarray(TEXTS.label.map(String)),
    findings: fc.subarray(TEXTS.finding.map(String).slice(0, 2)),
    site: text('site'),
    hardwareUuid: text('uuid'),
    known: fc.constantFrom(true, true, true, false),
    variant: fact('chip'),
    model: fact('model'),
    version: fc.constantFrom('14', '14.5', '14.10', '15.1', '14.5.1', 'beta', null),
    build: fact('build'),
    serial: fact('serial'),
    state: text('state'),
    presence: text('presence'),
    witnessed: fc.boolean(),
    quota: fc.constantFrom(2, 8, 255),
  })
  .map(({ known, variant, model, version, build, serial, witnessed, ...host }) => {
    const facts = stockFacts();
    return {
      ...host,
      proof: host.state !== 'raised' ? 'none' : witnessed ? 'witnessed' : 'configured',
      facts: known
        ? {
            ...facts,
            kernel: { ...facts.kernel, variant },
            os: { ...facts.os, version, build },
            hardware: { ...facts.hardware, model, serial },
          }
        : null,
    };
  });
