/**
 * `observe(facts)`: what facts alone tell, without memory or wishes. The rows are a partition: every set of facts fits exactly
 * one of them (a property test walks the rows without using their order).
 */

import type { Facts } from './facts.ts';
import { factAt } from './facts-empty.ts';
import { ESSENTIAL_PATHS, macosMajor, readSigns, type Signs, type UnsupportedReason } from './observe-signs.ts';

export const OBSERVED_KINDS = [
  'unsupported',
  'unknown',
  'stock',
  'quota_asleep',
  'policy_lowered',
  'object_installed',
  'quota_missing',
  'quota_stored',
  'quota_filtered',
  'quota_in_force',
  'not_provable',
  'other_kernel',
] as const;
export type ObservedKind = (typeof OBSERVED_KINDS)[number];

export interface Observed {
  readonly kind: ObservedKind;
  readonly reason: UnsupportedReason | null;
  /** Fact paths that would have to be known to say more; empty unless kind is `unknown`. */
  readonly missing: readonly string[];
}

type SignName = Exclude<keyof Signs, 'unsupportedReason'>;

export interface ObservationRow {
  readonly kind: ObservedKind;
  /** Signs that must be as given; the others do not matter. */
  readonly signs: Readonly<Partial<Pick<Signs, SignName>>>;
  readonly means: string;
  /** For `unknown`: what is missing. */
  readonly missing: readonly string[];
}

const MAC = { supported: 'yes' } as const;
const RELEASE = { ...MAC, kernel: 'release' } as const;
const RELEASE_NO_OBJECT = { ...RELEASE, customKernel: 'no' } as const;
const RELEASE_NOT_LOWERED = { ...RELEASE_NO_OBJECT, lowered: 'no' } as const;
const DEVELOPMENT = { ...MAC, kernel: 'development', provable: 'yes' } as const;
const NOT_IN_FORCE = { ...DEVELOPMENT, quotaInForce: 'no' } as const;
const STORED = { ...NOT_IN_FORCE, quotaStored: 'yes' } as const;

export const OBSERVATIONS: readonly ObservationRow[] = [
  row('unsupported', { supported: 'no' }, 'Intel, a guest, or macOS 12 and older'),
  unknown({ supported: 'unknown' }, ESSENTIAL_PATHS),
  unknown({ ...MAC, kernel: 'unknown' }, ['kernel.config']),
  row('other_kernel', { ...MAC, kernel: 'other' }, 'Neither a release nor a development kernel runs'),

  row('object_installed', { ...RELEASE, customKernel: 'yes' }, 'Stock kernel runs, policy names a custom one'),
  unknown({ ...RELEASE, customKernel: 'unknown' }, ['bootPolicy.customKernel']),
  row(
    'policy_lowered',
    { ...RELEASE_NO_OBJECT, lowered: 'yes' },
    'Stock kernel, policy lowered, no custom kernel in it',
  ),
  unknown({ ...RELEASE_NO_OBJECT, lowered: 'unknown' }, ['bootPolicy.securityMode', 'bootPolicy.bootArgsFiltering']),
  row('stock', { ...RELEASE_NOT_LOWERED, quotaStored: 'no' }, 'As Apple ships it'),
  row(
    'quota_asleep',
    { ...RELEASE_NOT_LOWERED, quotaStored: 'yes' },
    'Stock, and a quota is stored that has no effect',
  ),
  unknown({ ...RELEASE_NOT_LOWERED, quotaStored: 'unknown' }, ['bootArgs.stored']),

  row('not_provable', { ...MAC, kernel: 'development', provable: 'no' }, 'Development kernel, cannot be told which'),
  row('quota_in_force', { ...DEVELOPMENT, quotaInForce: 'yes' }, 'Development kernel with a quota'),
  unknown({ ...DEVELOPMENT, quotaInForce: 'unknown' }, ['bootArgs.inForce']),
  row('quota_missing', { ...NOT_IN_FORCE, quotaStored: 'no' }, 'Development kernel, no quota given or stored'),
  unknown({ ...NOT_IN_FORCE, quotaStored: 'unknown' }, ['bootArgs.stored']),
  row('quota_stored', { ...STORED, filtering: 'no' }, 'Development kernel, quota stored and not yet given'),
  row('quota_filtered', { ...STORED, filtering: 'yes' }, 'Development kernel, stored quota is filtered'),
  unknown({ ...STORED, filtering: 'unknown' }, ['bootPolicy.bootArgsFiltering']),
];

export function observe(facts: Facts): Observed {
  const signs = readSigns(facts);
  const found = OBSERVATIONS.find((candidate) => fits(candidate, signs));
  if (found === undefined) throw new Error(`No observation fits these signs: ${JSON.stringify(signs)}`);
  return {
    kind: found.kind,
    reason: found.kind === 'unsupported' ? signs.unsupportedReason : null,
    missing: found.missing.filter((path) => isMissing(facts, path)),
  };
}

export function fits(candidate: ObservationRow, signs: Signs): boolean {
  return Object.entries(candidate.signs).every(([name, wanted]) => signs[name as SignName] === wanted);
}

/** Null, or unusable in its place (a version that is none, a custom kernel that is no hash, arguments in another form). */
function isMissing(facts: Facts, path: string): boolean {
  if (path === 'os.version') return macosMajor(facts.os.version) === null;
  if (path === 'bootPolicy.customKernel' || path.startsWith('bootArgs.')) return true;

  return factAt(facts, path) === null;
}

function row(kind: ObservedKind, signs: ObservationRow['signs'], means: string): ObservationRow {
  return { kind, signs, means, missing: [] };
}

function unknown(signs: ObservationRow['signs'], missing: readonly string[]): ObservationRow {
  return { kind: 'unknown', signs, means: `Cannot be told without ${missing.join(', ')}`, missing };
}
