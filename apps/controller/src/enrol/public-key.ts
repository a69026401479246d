/** A public key as a Mac sends it: P-256, SPKI PEM, and nothing else. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Problem } from '../common/problem.ts';

export function readPublicKey(pem: string): KeyObject {
  // createPublicKey would also derive one from a private key; a Mac that sends its private key must be told.
  if (!pem.startsWith('-----BEGIN PUBLIC KEY-----')) throw invalid('expected a public key as SPKI PEM');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw invalid('cannot be read as a public key');
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw invalid(`expected a P-256 key, seen ${key.asymmetricKeyType ?? 'another kind'}`);
  return key;
}

function invalid(problem: string): Problem {
  return new Problem('VALIDATION_FAILED', `publicKeyPem: ${problem}`, { field: 'publicKeyPem' });
}
