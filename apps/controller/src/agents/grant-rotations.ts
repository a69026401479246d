/** The chain of grant keys as agents get it. They check each signature themselves: we could be anybody. */
import type { GrantKeyRotation } from '@headroom/proto';
import type { GrantKey } from '../keys/grant-key.ts';

/** Nothing for an agent that knows the present key. */
export function rotationsFor(grantKey: GrantKey, knownKeyId: string | null): GrantKeyRotation[] {
  if (knownKeyId === grantKey.keyId) return [];
  return grantKey.rotations.map(({ keyId, publicKeyPem, signedBy, signature }) => ({
    keyId,
    publicKeyPem,
    signedBy,
    signature: Buffer.from(signature, 'base64'),
  }));
}
