/**
 * The grant keys that this Mac believes: those of its enrolment, those placed in a folder that only root can write (by MDM, say),
 * and those that a believed key has signed. Guarantee: nobody who only holds the controller can make this Mac believe a key.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { grantKeyRotationText, type VerifySignature } from '@headroom/core';
import type { GrantKeyRetirement, GrantKeyRotation } from '@headroom/proto';
import { namesIn } from '../file-looks.ts';
import { readTextFile } from '../files.ts';
import { pinnedVerifier } from '../grants/verify.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { HOME } from '../paths.ts';
import { type GrantKey, readIdentity, writeIdentity } from './identity.ts';
import { keepRetiredKeys, readRetiredKeys, retirementOf } from './retired-keys.ts';

/** PEM files of Ed25519 public keys. */
const GRANT_KEYS_FOLDER = `${HOME}/grant-keys`;
const KEYS_MAX = 100;
const PEM_BYTES_MAX = 4096;

export interface GrantPins {
  readonly verify: VerifySignature;
  /** Id of the key that was believed last; empty when there is none. */
  newest(): string;
  /** Ids of keys that are believed no more. */
  retired(): string[];
  /** Takes the keys of a chain that are signed by one that is believed; keeps them for the next start. */
  learn(rotations: readonly GrantKeyRotation[]): Promise<void>;
  /** The same for keys that are believed no more. Learn first: a successor retires the key before it. */
  retire(retirements: readonly GrantKeyRetirement[]): Promise<void>;
}

export async function openGrantPins(mac: Mac, log: Log): Promise<GrantPins> {
  const placed = await placedKeys(mac, log);
  let chain = (await readIdentity(mac))?.grantPublicKeys ?? [];
  let retired = await readRetiredKeys(mac).catch((error: unknown) => {
    log(error instanceof Error ? error.message : String(error));
    return null;
  });
  // Where it is not known which keys are retired, none is believed: the way back needs none.
  const verifierNow = () =>
    retired === null ? () => false : pinnedVerifier([...placed, ...chain], new Set(retired.map(({ keyId }) => keyId)));
  let verifier = verifierNow();
  const refused = new Set<string>();
  const refuse = (keyId: string, what: string) => {
    if (!refused.has(keyId) && refused.size < KEYS_MAX) log(`the grant key ${keyId.slice(0, 16)} ${what}`);
    refused.add(keyId);
  };
  const learnOne = async (rotation: GrantKeyRotation): Promise<void> => {
    const isRetired = (id: string) => (retired ?? []).some(({ keyId }) => keyId === id);
    const all = [...placed, ...chain];
    if (isRetired(rotation.keyId) || all.some(({ keyId }) => keyId === rotation.keyId)) return;
    const signers = all.filter(({ keyId }) => !isRetired(keyId));
    const key = all.length < KEYS_MAX ? believedKey(rotation, signers) : null;
    if (key === null) return refuse(rotation.keyId, 'is refused: no key that this Mac believes signed it');
    await keep(mac, key);
    chain = [...chain, key];
    verifier = verifierNow();
    log(`the grant key ${key.keyId} is believed from now on, signed by ${rotation.signedBy}`);
  };
  const retireOne = async (retirement: GrantKeyRetirement): Promise<void> => {
    const key = retired === null ? null : retirementOf(retirement, { placed, chain }, retired);
    if (key === null || retired === null) return;
    await keepRetiredKeys(mac, [...retired, key]);
    retired = [...retired, key];
    verifier = verifierNow();
    log(`the grant key ${key.keyId} is believed no more, says the key ${key.signedBy}`);
  };
  return {
    verify: (payload, signature, keyId) => verifier(payload, signature, keyId),
    newest: () => chain.at(-1)?.keyId ?? placed.at(-1)?.keyId ?? '',
    retired: () => (retired ?? []).map(({ keyId }) => keyId),
    async learn(rotations) {
      for (const rotation of rotations.slice(0, KEYS_MAX)) await learnOne(rotation);
    },
    async retire(retirements) {
      for (const retirement of retirements.slice(0, KEYS_MAX)) await retireOne(retirement);
    },
  };
}

function believedKey({ keyId, publicKeyPem, signedBy, signature }: GrantKeyRotation, keys: readonly GrantKey[]) {
  const signer = keys.find((key) => key.keyId === signedBy);
  const key = publicKeyPem.length <= PEM_BYTES_MAX ? readPublicKey(publicKeyPem) : null;
  if (signer === undefined || key === null || idOf(key) !== keyId) return null;
  const text = Buffer.from(grantKeyRotationText({ keyId, publicKeyPem }));
  return verify(null, text, signer.pem, signature) ? { keyId, pem: publicKeyPem, signedBy } : null;
}

async function keep(mac: Mac, key: GrantKey): Promise<void> {
  const identity = await readIdentity(mac);
  if (identity === null) return;
  await writeIdentity(mac, { ...identity, grantPublicKeys: [...identity.grantPublicKeys, key] });
}

/** Files that somebody else than root, or whoever runs the agent, could have written are passed over. */
async function placedKeys(mac: Mac, log: Log): Promise<readonly GrantKey[]> {
  const folder = mac.path(GRANT_KEYS_FOLDER);
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.pem'));
  const keys: GrantKey[] = [];
  for (const name of names.slice(0, KEYS_MAX)) {
    const path = join(folder, name);
    const pem = (await isOurs(path)) && (await isOurs(folder)) ? await readTextFile(path, PEM_BYTES_MAX) : null;
    const key = pem === null ? null : readPublicKey(pem);
    if (pem === null || key === null)
      log(`${GRANT_KEYS_FOLDER}/${name} is no grant key that only root can write; passed over`);
    else keys.push({ keyId: idOf(key), pem });
  }
  return keys;
}

async function isOurs(path: string): Promise<boolean> {
  const { uid, mode } = await lstat(path);
  return (uid === 0 || uid === process.getuid?.()) && (mode & 0o022) === 0;
}

/** null = not an Ed25519 public key. */
function readPublicKey(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

/** First 16 hex digits of the sha256 of the key, as the controller names it. */
function idOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}
