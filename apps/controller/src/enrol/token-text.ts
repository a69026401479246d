/** The text of an enrolment token: `id.secret.fingerprint`, the last being the sha256 of the fleet's CA certificate. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isUuid } from '../common/ids.ts';

export interface TokenSecret {
  readonly id: string;
  readonly secret: string;
}

export function formatToken({ id, secret }: TokenSecret, caFingerprint: string): string {
  return `${id}.${secret}.${caFingerprint}`;
}

/** Reads `id.secret`, as a Mac sends it; null when it is no token. */
export function parseToken(text: string): TokenSecret | null {
  const [id = '', secret = '', ...rest] = text.split('.');
  if (!isUuid(id) || !/^[A-Za-z0-9_-]{43}$/.test(secret) || rest.length > 0) return null;
  return { id: id.toLowerCase(), secret };
}

export function secretSha256(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** Takes the same time however much of the secret is right. */
export function secretMatches(secret: string, storedSha256: string): boolean {
  const given = Buffer.from(secretSha256(secret), 'hex');
  const stored = Buffer.from(storedSha256, 'hex');
  return given.length === stored.length && timingSafeEqual(given, stored);
}
