/**
 * Identity: what enrolment left on this Mac: who it is, whom it calls, and which grant keys it believes.
 * Guarantee: identity, key and certificate are read together or not at all; a half-written enrolment is no identity.
 */
import { ensureFolder, isObject, readKeptJson, readTextFile, writeFileAtomic, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { CERTIFICATE_FILE, HOME, IDENTITY_FILE, KEY_FILE } from '../paths.ts';

export interface GrantKey {
  readonly keyId: string;
  readonly pem: string;
  /** The key that signed it; absent of those of the enrolment, and of those that root placed. */
  readonly signedBy?: string;
}

export interface Identity {
  readonly hostId: string;
  readonly fleetId: string;
  readonly agentUrl: string;
  readonly enrolUrl: string;
  readonly caPem: string;
  /** Those of the enrolment, and those that one of them signed (grant-pins.ts). */
  readonly grantPublicKeys: readonly GrantKey[];
}

export interface Credentials {
  readonly identity: Identity;
  readonly keyPem: string;
  readonly certificatePem: string;
}

const PEM_BYTES_MAX = 64 * 1024;

export async function openHome(mac: Mac): Promise<void> {
  await ensureFolder(mac.path(HOME), 0o700);
}

/** null when this Mac is not enrolled. */
export async function readIdentity(mac: Mac): Promise<Identity | null> {
  const file = mac.path(IDENTITY_FILE);
  return readKeptJson(file, isIdentity, { name: IDENTITY_FILE, next: 'remove it and enrol this Mac again' });
}

export async function readCredentials(mac: Mac): Promise<Credentials | null> {
  const identity = await readIdentity(mac);
  const keyPem = await readKey(mac);
  const certificatePem = await readTextFile(mac.path(CERTIFICATE_FILE), PEM_BYTES_MAX);
  return identity === null || keyPem === null || certificatePem === null ? null : { identity, keyPem, certificatePem };
}

export function readKey(mac: Mac): Promise<string | null> {
  return readTextFile(mac.path(KEY_FILE), PEM_BYTES_MAX);
}

export async function writeKey(mac: Mac, keyPem: string): Promise<void> {
  await openHome(mac);
  await writeFileAtomic(mac.path(KEY_FILE), keyPem, 0o600);
}

/** The identity comes last: it is what makes the Mac enrolled. */
export async function writeEnrolment(mac: Mac, identity: Identity, certificatePem: string): Promise<void> {
  await openHome(mac);
  await writeFileAtomic(mac.path(CERTIFICATE_FILE), certificatePem, 0o600);
  await writeJsonAtomic(mac.path(IDENTITY_FILE), identity);
}

/** One rename: the key stays, so key and certificate fit at any moment. */
export async function writeCertificate(mac: Mac, certificatePem: string): Promise<void> {
  await writeFileAtomic(mac.path(CERTIFICATE_FILE), certificatePem, 0o600);
}

export async function writeIdentity(mac: Mac, identity: Identity): Promise<void> {
  await writeJsonAtomic(mac.path(IDENTITY_FILE), identity);
}

function isIdentity(value: Record<string, unknown>): value is Record<string, unknown> & Identity {
  const keys = value['grantPublicKeys'];
  return (
    ['hostId', 'fleetId', 'agentUrl', 'enrolUrl', 'caPem'].every((key) => typeof value[key] === 'string') &&
    Array.isArray(keys) &&
    keys.every((key) => isObject(key) && typeof key['keyId'] === 'string' && typeof key['pem'] === 'string')
  );
}
