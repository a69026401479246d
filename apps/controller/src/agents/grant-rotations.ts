/** The chain of grant keys as agents get it. They check each signature themselves: we could be anybody. */
import type { GrantKeyRetirement, GrantKeyRotation } from '@headroom/proto';
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

/** Keys that are believed no more, but for those that the agent names. */
export function retirementsFor({ retirements }: GrantKey, knownIds: readonly string[]): GrantKeyRetirement[] {
  return retirements
    .filter(({ keyId }) => !knownIds.includes(keyId))
    .map(({ signature, ...rest }) => ({ ...rest, signature: Buffer.from(signature, 'base64') }));
}
