/**
 * Renewal of this Mac's certificate at half its life, by the dates in it. The key stays the same, so that one file is replaced and
 * key and certificate always fit. Guarantee: what comes back is checked like an enrolment before it replaces the old one; until
 * then, and after any failure, the old one stays in use.
 */
import { createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';
import { checkCertificate } from '../enrol/reply.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { readCredentials, writeCertificate } from '../state/identity.ts';
import type { Controller } from './client.ts';

/** A fleet that enrolled in one day must not renew in one minute: up to a tenth of the life later than half of it. */
const JITTER_PART = 10;
/** Failures are tried again after a hundredth of the life, at most once an hour. */
const RETRY_PART = 100;
const RETRY_MS_MAX = 3_600_000;

export interface RenewalPorts {
  readonly mac: Mac;
  readonly controller: Controller;
  readonly now: () => Date;
  readonly log: Log;
  readonly random?: () => number;
}

export interface Renewal {
  /** Renews when it is due; true = the connection uses a new certificate, and a new session must be opened with it. */
  renewIfDue(): Promise<boolean>;
}

export function newRenewal({ mac, controller, now, log, random = Math.random }: RenewalPorts): Renewal {
  const jitter = random() / JITTER_PART;
  let retryAt = 0;
  return {
    async renewIfDue() {
      const at = now().getTime();
      const credentials = await readCredentials(mac);
      if (credentials === null || at < retryAt) return false;
      const { identity, keyPem, certificatePem } = credentials;
      const { from, life } = lifeOf(certificatePem);
      if (at < from + life * (1 / 2 + jitter)) return false;
      retryAt = at + Math.min(RETRY_MS_MAX, life / RETRY_PART);
      try {
        const publicKeyPem = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
        const serial = new X509Certificate(certificatePem).serialNumber.toLowerCase();
        const signed = ['headroom-renew-1', identity.hostId, serial, publicKeyPem].join('|');
        const proof = sign('sha256', Buffer.from(signed), createPrivateKey(keyPem));
        const { certificatePem: renewed } = await controller.renewCertificate({ publicKeyPem, proof });
        const certificate = new X509Certificate(renewed);
        checkCertificate(certificate, new X509Certificate(identity.caPem), identity, publicKeyPem);
        await writeCertificate(mac, renewed);
        controller.useCertificate(renewed);
        log(`the certificate was renewed, valid until ${certificate.validTo}`);
        return true;
      } catch (error) {
        log(`the certificate could not be renewed: ${error instanceof Error ? error.message : String(error)}`);
        return false;
      }
    },
  };
}

function lifeOf(certificatePem: string): { from: number; life: number } {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const from = Date.parse(validFrom);
  return { from, life: Date.parse(validTo) - from };
}
