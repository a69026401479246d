/** Checks Ed25519 signatures with the keys pinned on this Mac. A key id that is not pinned, or was retired, verifies nothing. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { VerifySignature } from '@headroom/core';
import type { GrantKey } from '../state/identity.ts';

const SIGNATURE_BYTES = 64;

export function pinnedVerifier(keys: readonly GrantKey[], retired: ReadonlySet<string> = new Set()): VerifySignature {
  const pinned = new Map(keys.map(({ keyId, pem }) => [keyId, readKey(keyId, pem)]));
  return (payload, signatureBase64, keyId) => {
    if (retired.has(keyId)) return 'retired';
    const key = pinned.get(keyId);
    const signature = Buffer.from(signatureBase64, 'base64');
    return (
      key !== undefined && signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(payload), key, signature)
    );
  };
}

function readKey(keyId: string, pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`Grant key ${keyId}: expected an Ed25519 public key, seen ${key.asymmetricKeyType ?? 'none'}`);
  return key;
}
