/**
 * Grant keys that this Mac believes no more, because a key that may say so has said so. Kept on disk, beyond a new enrolment.
 * Guarantee: nobody who only holds the controller can retire a key; no key retires itself, one that does not come before it in its own line
 * of signatures, or one that root placed here (another placed one may). So whoever stole an old key cannot silence the present one, and whoever took over even the
 * present key cannot silence one that is brought by MDM. Retiring lowers nothing: fewer grants are believed, never more.
 */
import { verify } from 'node:crypto';
import { grantKeyRetirementText } from '@headroom/core';
import type { GrantKeyRetirement } from '@headroom/proto';
import { isObject, readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { RETIRED_KEYS_FILE } from '../paths.ts';
import type { GrantKey } from './identity.ts';

const RETIRED_MAX = 100;
const ID = /^[0-9a-f]{16}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;

export interface RetiredKey {
  readonly keyId: string;
  readonly retiredAt: string;
  readonly signedBy: string;
}

/** Keys of this Mac: those that root placed, and then those of its enrolment and their successors, oldest first. */
export interface BelievedKeys {
  readonly placed: readonly GrantKey[];
  readonly chain: readonly GrantKey[];
}

export async function readRetiredKeys(mac: Mac): Promise<readonly RetiredKey[]> {
  const value = await readJsonObject(mac.path(RETIRED_KEYS_FILE));
  if (value === null) return [];
  const { keys } = value;
  if (!Array.isArray(keys) || !keys.every(isRetired))
    throw new Error(`${RETIRED_KEYS_FILE} is damaged: no grant is believed until root on this Mac has put it right`);
  return keys;
}

export async function keepRetiredKeys(mac: Mac, keys: readonly RetiredKey[]): Promise<void> {
  await writeJsonAtomic(mac.path(RETIRED_KEYS_FILE), { keys });
}

/** What this statement retires; null = it says nothing new, or nobody who may has signed it. */
export function retirementOf(
  { keyId, retiredAt, signedBy, signature }: GrantKeyRetirement,
  keys: BelievedKeys,
  retired: readonly RetiredKey[],
): RetiredKey | null {
  const isRetiredNow = (id: string) => retired.some((one) => one.keyId === id);
  if (!ID.test(keyId) || !TIME.test(retiredAt) || isRetiredNow(keyId) || isRetiredNow(signedBy)) return null;
  if (retired.length >= RETIRED_MAX) return null;
  const signer = mayRetire(signedBy, keyId, keys);
  if (signer === null) return null;
  const text = Buffer.from(grantKeyRetirementText({ keyId, retiredAt }));
  return verify(null, text, signer.pem, signature) ? { keyId, retiredAt, signedBy } : null;
}

/** A key that this Mac never believed may be retired by any that it believes: that takes nothing away. */
function mayRetire(signedBy: string, keyId: string, { placed, chain }: BelievedKeys): GrantKey | null {
  const isPlaced = (id: string) => placed.some((key) => key.keyId === id);
  const signer = [...placed, ...chain].find((key) => key.keyId === signedBy);
  if (signer === undefined || signedBy === keyId) return null;
  if (isPlaced(signedBy)) return signer;
  if (isPlaced(keyId)) return null;
  const isKnown = chain.some((key) => key.keyId === keyId);
  return !isKnown || comesAfter(signer, keyId, chain) ? signer : null;
}

/** By its line of signatures: two that one key signed are no one's successors of each other. Those of the enrolment came oldest first. */
function comesAfter(key: GrantKey, keyId: string, chain: readonly GrantKey[]): boolean {
  const { signedBy } = key;
  if (signedBy === keyId) return true;
  const at = (id: string) => chain.findIndex((one) => one.keyId === id);
  const other = chain[at(keyId)];
  if (signedBy === undefined) return other?.signedBy === undefined && at(key.keyId) > at(keyId);
  // What signed it was believed before it was, so the line ends.
  const before = chain.slice(0, at(key.keyId)).find((one) => one.keyId === signedBy);
  return before !== undefined && (before.keyId === keyId || comesAfter(before, keyId, chain));
}

function isRetired(value: unknown): value is RetiredKey {
  return isObject(value) && ['keyId', 'retiredAt', 'signedBy'].every((name) => typeof value[name] === 'string');
}
