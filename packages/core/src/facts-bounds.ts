/**
 * Numbers of a Mac within what whoever stores and adds them up can hold, and words that are known here. A number beyond that was not
 * counted but made up, and another word is a newer agent's: each is unknown, with what was seen as the reason; every other fact stays.
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

/** Facts that are one word of a few. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  'kernel.config': ['release', 'development', 'kasan', 'other'],
  'sip.status': ['enabled', 'disabled', 'custom'],
  'bootPolicy.securityMode': ['full', 'reduced', 'permissive'],
  fileVault: ['on', 'off', 'encrypting', 'decrypting'],
  kitFolder: ['absent', 'ours', 'foreign'],
};

/** The same facts when every number is one that a Mac can have, and every word one that we know. */
export function withinBounds(facts: Facts): Facts {
  return withoutAbsurd(withoutNewWords(facts));
}

function withoutNewWords(facts: Facts): Facts {
  return Object.entries(WORDS).reduce((known, [path, words]) => {
    const word = factAt(known, path) ?? words[0];
    if (words.some((one) => one === word)) return known;
    return withUnknown(known, path, `expected one of ${words.join(', ')}, seen "${word}": a newer agent may say so`);
  }, facts);
}

function withoutAbsurd(facts: Facts): Facts {
  return Object.entries(NUMBERS).reduce((known, [path, numberOf]) => {
    const number = numberOf(known) ?? 0;
    if (Math.abs(number) <= NUMBER_MAX) return known;
    return withUnknown(known, path, `expected at most ${NUMBER_MAX}, seen ${number}`);
  }, facts);
}

function withUnknown(facts: Facts, path: string, reason: string): Facts {
  const [group = '', name] = path.split('.');
  const others = factAt(facts, group) as object;
  const value = name === undefined ? null : { ...others, [name]: null };
  return { ...facts, [group]: value, unknown: { ...facts.unknown, [path]: reason } };
}
