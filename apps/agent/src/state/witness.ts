/**
 * Witness: how many macOS guests were alive at once, said by somebody who knows their kind (an admin's probe, Orchard). `ps` cannot
 * tell macOS guests from Linux ones. Guarantee: counts for the boot it was made in only; a smaller count never hides a greater one.
 */
import type { WitnessFact } from '@headroom/core';
import { isObject, readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { WITNESS_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

export interface Witness extends WitnessFact {
  readonly bootSession: string;
}

/** More guests than this run on no Mac. */
const GUESTS_MAX = 1000;
const SOURCE = /^[A-Za-z0-9][A-Za-z0-9 ._:/@-]{0,79}$/;

/** Input from outside: null when it is none. */
export function witnessFrom(value: unknown, bootSession: string, now: Date): Witness | string {
  if (!isObject(value)) return 'expected a JSON object with macosGuests, bootSession and source';
  const { macosGuests, source = 'local', bootSession: meant = bootSession } = value;
  if (
    typeof macosGuests !== 'number' ||
    !Number.isSafeInteger(macosGuests) ||
    macosGuests < 0 ||
    macosGuests > GUESTS_MAX
  )
    return `macosGuests: expected a whole number from 0 to ${GUESTS_MAX}`;
  if (typeof source !== 'string' || !SOURCE.test(source))
    return 'source: expected 1 to 80 letters, digits, blanks or . _ : / @ -';
  if (typeof meant !== 'string' || meant.toUpperCase() !== bootSession.toUpperCase())
    return `bootSession: expected ${bootSession}, the boot that runs now`;
  return { macosGuests, source, at: now.toISOString(), bootSession };
}

/** Gives back what counts now. */
export async function noteWitness(mac: Mac, witness: Witness): Promise<Witness> {
  const kept = witnessOf(await readJsonObject(mac.path(WITNESS_FILE)).catch(() => null));
  if (kept?.bootSession === witness.bootSession && kept.macosGuests >= witness.macosGuests) return kept;
  await openHome(mac);
  await writeJsonAtomic(mac.path(WITNESS_FILE), witness);
  return witness;
}

/** A damaged file counts as none. */
export function witnessOf(value: unknown): Witness | null {
  if (!isObject(value)) return null;
  const { macosGuests, source, at, bootSession } = value;
  const texts = [source, at, bootSession].every((text) => typeof text === 'string' && text !== '');
  const whole = typeof macosGuests === 'number' && Number.isSafeInteger(macosGuests) && macosGuests >= 0;
  return texts && whole ? ({ macosGuests, source, at, bootSession } as Witness) : null;
}
