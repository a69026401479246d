/** Consent as an approver gives it, really signed: the product's own checks decide what it is worth. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { encodeGrant } from '@headroom/core';
import type { GrantSigner } from '../../apps/controller/src/exceptions/grant-signer.ts';
import { FLEET_ID } from './memory-database.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const KEY_ID = 'simulation';

export const signer: GrantSigner = {
  keyId: KEY_ID,
  publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  sign: (payload) => sign(null, Buffer.from(payload), privateKey).toString('base64'),
};

const verified = new Map<string, boolean>();

/** As an agent with the pinned key would; each signature is looked at once, as agents here are many. */
export function verifies(payload: string, signature: string, keyId: string): boolean {
  const key = `${keyId} ${signature} ${payload}`;
  const known = verified.get(key);
  if (known !== undefined) return known;
  const isGood = keyId === KEY_ID && verify(null, Buffer.from(payload), publicKey, Buffer.from(signature, 'base64'));
  verified.set(key, isGood);
  return isGood;
}

/** A grant of an approver for these Macs, without its row. */
export function giveConsent(
  grantId: string,
  hostUuids: readonly string[],
  quotaMax: number,
  now: number,
  lastsMs: number,
) {
  const expiresAt = new Date(now + lastsMs);
  const payload = encodeGrant({
    schemaVersion: 1,
    grantId,
    fleetId: FLEET_ID,
    hostUuids,
    quotaMax,
    extraArgs: [],
    notBefore: new Date(now - 200 * 86_400_000).toISOString(),
    expiresAt: expiresAt.toISOString(),
    shownTextSha256: '0'.repeat(64),
    approver: 'anna',
    purpose: 'simulation',
    simulation: true,
  });
  return { id: grantId, payload, signature: signer.sign(payload), keyId: KEY_ID, expiresAt, revokedAt: null };
}
