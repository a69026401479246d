/**
 * Enrolment: this Mac makes its key, shows the token and gets a certificate.
 * Guarantee: the secret is said only to the controller whose CA the token names; the private key never leaves the Mac; running it
 * again after a lost answer uses the same key and gives the same identity.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { Facts } from '@headroom/core';
import type { Mac } from '../mac.ts';
import { forgetBootState } from '../state/boot-state.ts';
import { type Identity, openHome, readCredentials, readKey, writeEnrolment, writeKey } from '../state/identity.ts';
import { AGENT_VERSION } from '../version.ts';
import { EnrolError } from './enrol-error.ts';
import { findPinnedCa, fingerprintOf } from './pinned-ca.ts';
import { readReply } from './reply.ts';
import { postEnrol } from './request.ts';
import type { EnrolToken } from './token.ts';

export interface EnrolInput {
  readonly mac: Mac;
  /** Controller's enrolment listener, e.g. https://controller.example:8444 */
  readonly url: string;
  readonly token: EnrolToken;
  readonly facts: Pick<Facts, 'hardware'>;
}

export interface EnrolResult {
  readonly identity: Identity;
  /** It was enrolled with this fleet before; nothing was asked. */
  readonly already: boolean;
}

export async function enrol({ mac, url, token, facts }: EnrolInput): Promise<EnrolResult> {
  const enrolled = await readCredentials(mac);
  if (enrolled !== null) return alreadyEnrolled(enrolled.identity, token);
  const target = enrolUrl(url);
  const ca = await findPinnedCa(target, token.caFingerprint);
  await openHome(mac);
  const keyPem = await ownKey(mac);
  const publicKeyPem = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
  const body = requestBody({ mac, token, facts, keyPem, publicKeyPem });
  const reply = await postEnrol(target, ca.toString(), body);
  const { identity, certificatePem } = readReply(reply, {
    enrolUrl: url,
    caFingerprint: token.caFingerprint,
    publicKeyPem,
  });
  await forgetBootState(mac);
  await writeEnrolment(mac, identity, certificatePem);
  return { identity, already: false };
}

function alreadyEnrolled(identity: Identity, token: EnrolToken): EnrolResult {
  if (fingerprintOf(new X509Certificate(identity.caPem)) === token.caFingerprint) return { identity, already: true };
  throw new EnrolError(
    'ENROL_OTHER_FLEET',
    `this Mac is host ${identity.hostId} of fleet ${identity.fleetId} already`,
    'to move it, remove /var/db/headroom/identity.json, key.pem and cert.pem on it, then enrol again',
  );
}

/** The key of an earlier try is used again, so that a lost answer can be asked for once more. */
async function ownKey(mac: Mac): Promise<string> {
  const kept = await readKey(mac);
  if (kept !== null) return kept;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeKey(mac, keyPem);
  return keyPem;
}

interface BodyInput extends Pick<EnrolInput, 'mac' | 'token' | 'facts'> {
  readonly keyPem: string;
  readonly publicKeyPem: string;
}

function requestBody({ mac, token, facts, keyPem, publicKeyPem }: BodyInput) {
  const { uuid, serial, model } = facts.hardware;
  if (uuid === null)
    throw new EnrolError(
      'ENROL_NO_HOST_UUID',
      'the hardware UUID of this Mac cannot be read',
      'run `ioreg -rd1 -c IOPlatformExpertDevice` on the Mac and read its text',
    );
  const signed = ['headroom-enrol-1', token.id, uuid, publicKeyPem].join('|');
  return {
    token: token.credential,
    hostUuid: uuid,
    serial,
    model,
    publicKeyPem,
    proof: sign('sha256', Buffer.from(signed), createPrivateKey(keyPem)).toString('base64'),
    agentVersion: AGENT_VERSION,
    simulated: mac.simulated,
  };
}

function enrolUrl(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : null;
  if (base?.protocol !== 'https:')
    throw new EnrolError(
      'ENROL_URL_INVALID',
      `expected https://name:port, seen ${url.slice(0, 200)}`,
      'copy the URL whole',
    );
  return new URL('/enrol', base);
}
