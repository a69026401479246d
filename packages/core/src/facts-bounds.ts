/**
 * Numbers of a Mac within what whoever stores and adds them up can hold. One beyond that was not counted but made up, so it is
 * unknown, with what was seen as the reason; every other fact of the report stays.
 */
import type { Facts } from './facts.ts';
import { factAt } from './facts-empty.ts';

/** Also the highest quota that a kernel takes. */
const NUMBER_MAX = 2_147_483_647;

/** Each number by its fact. The free bytes of a disk are more, and are never added up. */
const NUMBERS: Readonly<Record<string, (facts: Facts) => number | null>> = {
  'update.deferralDays': ({ update }) => update.deferralDays,
  'guests.processesAtMost': ({ guests }) => guests.processesAtMost,
  'guests.derivedQuota': ({ guests }) => guests.derivedQuota,
  'guests.suspectedLeaked': ({ guests }) => guests.suspectedLeaked,
  'guests.witness': ({ guests }) => guests.witness?.macosGuests ?? null,
  'boot.ordinal': ({ boot }) => boot.ordinal,
};

/** The same facts when every number is one that a Mac can have. */
export function withoutAbsurd(facts: Facts): Facts {
  return Object.entries(NUMBERS).reduce((known, [path, numberOf]) => {
    const number = numberOf(known) ?? 0;
    return Math.abs(number) <= NUMBER_MAX ? known : withUnknown(known, path, number);
  }, facts);
}

function withUnknown(facts: Facts, path: string, seen: number): Facts {
  const [group = '', name = ''] = path.split('.');
  const reason = `expected at most ${NUMBER_MAX}, seen ${seen}`;
  const others = factAt(facts, group) as object;
  return { ...facts, [group]: { ...others, [name]: null }, unknown: { ...facts.unknown, [path]: reason } };
}
