/** Checks the controller's answer to enrolment before anything of it is kept. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { isObject } from '../files.ts';
import type { GrantKey, Identity } from '../state/identity.ts';
import { EnrolError } from './enrol-error.ts';
import { fingerprintOf } from './pinned-ca.ts';

export interface ReplyExpectation {
  readonly enrolUrl: string;
  readonly caFingerprint: string;
  /** SPKI PEM of this Mac's key. */
  readonly publicKeyPem: string;
}

export interface Enrolled {
  readonly identity: Identity;
  readonly certificatePem: string;
}

export function readReply(reply: Record<string, unknown>, expected: ReplyExpectation): Enrolled {
  const caPem = text(reply, 'caPem');
  const certificatePem = text(reply, 'certificatePem');
  const identity = {
    hostId: text(reply, 'hostId'),
    fleetId: text(reply, 'fleetId'),
    agentUrl: text(reply, 'agentUrl'),
    enrolUrl: expected.enrolUrl,
    caPem,
    grantPublicKeys: grantKeys(reply['grantKeys']),
  };
  const ca = certificate('caPem', caPem);
  if (fingerprintOf(ca) !== expected.caFingerprint)
    throw invalid('caPem', 'the CA that the token names', 'another one');
  checkCertificate(certificate('certificatePem', certificatePem), ca, identity, expected.publicKeyPem);
  return { identity, certificatePem };
}

export function checkCertificate(
  own: X509Certificate,
  ca: X509Certificate,
  identity: Pick<Identity, 'fleetId' | 'hostId'>,
  publicKeyPem: string,
): void {
  const uri = `URI:spiffe://${identity.fleetId}/host/${identity.hostId}`;
  const names = (own.subjectAltName ?? '').split(', ');
  if (!own.checkIssued(ca) || !own.verify(ca.publicKey))
    throw invalid('certificatePem', 'one signed by the CA', 'another');
  if (!own.publicKey.equals(createPublicKey(publicKeyPem)))
    throw invalid('certificatePem', "this Mac's key", 'another key');
  if (!names.includes(uri)) throw invalid('certificatePem', uri, own.subjectAltName ?? 'no name');
}

function grantKeys(value: unknown): readonly GrantKey[] {
  if (!Array.isArray(value) || value.length > 100) throw invalid('grantKeys', 'a list of keys', 'something else');
  return value.map((key: unknown) => {
    if (!isObject(key)) throw invalid('grantKeys', 'objects', 'something else');
    const pem = text(key, 'publicKeyPem');
    const kind = publicKey(pem)?.asymmetricKeyType;
    if (kind !== 'ed25519') throw invalid('grantKeys', 'Ed25519 public keys', kind ?? 'something else');
    return { keyId: text(key, 'keyId'), pem };
  });
}

function publicKey(pem: string) {
  try {
    return createPublicKey(pem);
  } catch {
    return null;
  }
}

function certificate(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw invalid(name, 'a certificate as PEM', 'something else');
  }
}

function text(object: Record<string, unknown>, key: string): string {
  const value = object[key];
  if (typeof value !== 'string' || value === '') throw invalid(key, 'text', typeof value);
  return value;
}

function invalid(name: string, expected: string, seen: string): EnrolError {
  const detail = `${name} in the answer: expected ${expected}, seen ${seen}`;
  return new EnrolError(
    'ENROL_REPLY_INVALID',
    detail,
    'compare the versions of agent and controller; nothing was kept',
  );
}
