import { verify } from 'node:crypto';
import { checkGrant, type EvaluateIntent, type SignedGrant, type VerifySignature } from '@headroom/core';
import type { GrantSigner } from './grant-signer.ts';

export interface GrantRow {
  readonly id: string;
  readonly payload: string;
  readonly signature: string;
  readonly keyId: string;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

export interface CoverUse {
  readonly fleetId: string;
  readonly hostUuid: string;
  readonly simulated: boolean;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly now: Date;
}

export function signedGrant({ payload, signature, keyId }: GrantRow): SignedGrant {
  return { payload, signature, keyId };
}

/** Does this grant cover this host, quota and arguments now? The agent asks the same again, with its own pinned key. */
export function coverOf(grant: GrantRow | null, use: CoverUse, verifies: VerifySignature): EvaluateIntent['grant'] {
  if (grant === null) return { covers: false, expiresAt: null, reason: 'There is no grant for this Mac.' };
  const expiresAt = grant.expiresAt.toISOString();
  const isOfRetiredKey = verifies(grant.payload, grant.signature, grant.keyId) === 'retired';
  if (grant.revokedAt !== null && !isOfRetiredKey)
    return { covers: false, expiresAt, reason: `The exception was revoked at ${grant.revokedAt.toISOString()}.` };
  const check = checkGrant(signedGrant(grant), use, verifies);
  if (check.ok) return { covers: true, expiresAt, reason: null, extraArgs: check.grant.extraArgs };
  return { covers: false, expiresAt, reason: `${check.code}: expected ${check.expected}, seen ${check.seen}.` };
}

/** Checks signatures of this key and of those before it, each different one once: many hosts of a batch share a grant. */
export function verifierOf(signer: GrantSigner): VerifySignature {
  const { keyId, publicKeyPem: presentPem, previousKeys = [], retirements = [] } = signer;
  const retired = new Set(retirements.map((one) => one.keyId));
  const known = new Map<string, boolean>();
  const keys = new Map(
    [...previousKeys, { keyId, publicKeyPem: presentPem }].map((key) => [key.keyId, key.publicKeyPem]),
  );
  return (payload, signature, signedBy) => {
    if (retired.has(signedBy)) return 'retired';
    const publicKeyPem = keys.get(signedBy);
    if (publicKeyPem === undefined) return false;
    const asked = `${signedBy} ${signature} ${payload}`;
    const answer =
      known.get(asked) ?? verify(null, Buffer.from(payload, 'utf8'), publicKeyPem, Buffer.from(signature, 'base64'));
    known.set(asked, answer);
    return answer;
  };
}

/** Hardware UUIDs that a grant names, frozen at approval; none when the payload can't be read. */
export function hostUuidsOf(payload: string): ReadonlySet<string> {
  return new Set(textsIn(payload, 'hostUuids'));
}

/** Arguments that a grant names beyond the quota's own. */
export function extraArgsOf(payload: string): readonly string[] {
  return textsIn(payload, 'extraArgs');
}

function textsIn(payload: string, field: 'hostUuids' | 'extraArgs'): readonly string[] {
  try {
    const found = (JSON.parse(payload) as Partial<Record<typeof field, unknown>>)[field];
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}
