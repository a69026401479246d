/**
 * Finds the controller's CA in the chain that it presents, by the fingerprint of the token.
 * Guarantee: nothing is sent over this connection; what is sent later goes over one that Node verifies against this CA alone,
 * host name included.
 */
import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { EnrolError } from './enrol-error.ts';

const TIMEOUT_MS = 15_000;
const CHAIN_MAX = 10;

export function findPinnedCa(url: URL, caFingerprint: string): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const port = Number(url.port || '443');
    const options = { host: url.hostname, port, servername: url.hostname, rejectUnauthorized: false };
    const socket = connect(options, () => {
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      const ca = chain.find((certificate) => fingerprintOf(certificate) === caFingerprint);
      if (ca?.ca === true) resolve(ca);
      else reject(otherController(url, caFingerprint, chain));
    });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    socket.once('error', (error) => reject(unreachable(url, error)));
  });
}

/** Lower-case sha256 hex of the certificate's DER. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function chainOf(leaf: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = leaf;
  while (at?.raw !== undefined && chain.length < CHAIN_MAX) {
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}

function otherController(url: URL, expected: string, chain: readonly X509Certificate[]): EnrolError {
  const seen = chain.map(fingerprintOf).join(', ') || 'no certificate';
  return new EnrolError(
    'ENROL_OTHER_CONTROLLER',
    `${url.host} does not present the CA of this token: expected sha256 ${expected}, seen ${seen}`,
    'check the URL; if it is right, somebody stands between this Mac and the controller: do not enrol on this network',
  );
}

export function unreachable(url: URL, error: Error): EnrolError {
  return new EnrolError(
    'ENROL_UNREACHABLE',
    `${url.host} could not be asked: ${error.message}`,
    'check the URL, the network and the clock of this Mac, then run the same command again',
  );
}
