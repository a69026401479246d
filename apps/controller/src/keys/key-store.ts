/**
 * The keys of this controller, as files and never in the database: the fleet's CA and grant key, which all its controllers
 * share (`keysDir`), and the certificate of this one's two TLS listeners (`stateDir/keys`). Each file holds a key and its certificate together, so no torn pair can lie there.
 */
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import {
  createCaCertificate,
  type IssuedCertificate,
  type Issuer,
  issueClientCertificate,
  issueServerCertificate,
} from './certificates.ts';
import { GrantKey } from './grant-key.ts';
import { KeyFolder } from './key-folder.ts';

const CA_FILE = 'fleet-ca.pem';
const SERVER_FILE = 'server.pem';
const GRANT_FILE = 'grant-key.pem';

const log = logger('keys');

export interface TlsIdentity {
  readonly privateKeyPem: string;
  /** The server's certificate, then the CA's: a Mac that knows only the CA's fingerprint finds it in the handshake. */
  readonly chainPem: string;
}

export class KeyStore {
  /** sha256 of the CA certificate's DER as lower-case hex: what enrolment tokens carry. */
  readonly caFingerprint: string;

  private constructor(
    private readonly ca: Issuer,
    readonly tls: TlsIdentity,
    readonly grantKey: GrantKey,
  ) {
    this.caFingerprint = createHash('sha256').update(new X509Certificate(ca.certificatePem).raw).digest('hex');
  }

  /** Reads the keys, making what is missing and renewing the server's certificate when half its life is over. */
  static async open(
    config: Pick<ControllerConfig, 'stateDir' | 'keysDir' | 'publicHost'>,
    clock: Clock,
  ): Promise<KeyStore> {
    const own = await KeyFolder.open(join(config.stateDir, 'keys'));
    const folder = config.keysDir ? await KeyFolder.open(config.keysDir) : own;
    const ca = await openCa(folder, clock.now());
    const names = [...new Set(['localhost', config.publicHost])];
    const server = await openServer(own, ca, names, clock.now());
    const grant = (await folder.read(GRANT_FILE)) ?? (await folder.create(GRANT_FILE, GrantKey.generatePem()));
    const tls = { privateKeyPem: server.privateKeyPem, chainPem: server.certificatePem + ca.certificatePem };
    return new KeyStore(ca, tls, new GrantKey(grant));
  }

  get caPem(): string {
    return this.ca.certificatePem;
  }

  /** A certificate for one Mac: clientAuth, 90 days, random serial. */
  issueClient(
    mac: { readonly fleetId: string; readonly hostId: string; readonly publicKeyPem: string },
    now: Date,
  ): Promise<IssuedCertificate> {
    return issueClientCertificate(this.ca, mac, now);
  }
}

async function openCa(folder: KeyFolder, now: Date): Promise<Issuer> {
  const lying = await folder.read(CA_FILE);
  if (lying !== null) return parsePair(CA_FILE, lying);
  const privateKeyPem = newPrivateKey();
  const { pem } = await createCaCertificate(privateKeyPem, now);
  log(`made the fleet's CA in ${folder.path}; back this folder up: without it every Mac must enrol again`);
  return parsePair(CA_FILE, await folder.create(CA_FILE, privateKeyPem + pem));
}

async function openServer(folder: KeyFolder, ca: Issuer, names: readonly string[], now: Date): Promise<Issuer> {
  const lying = await folder.read(SERVER_FILE);
  if (lying !== null) {
    const pair = parsePair(SERVER_FILE, lying);
    if (serves(new X509Certificate(pair.certificatePem), ca, names, now)) return pair;
  }
  const privateKeyPem = newPrivateKey();
  const { pem, notAfter } = await issueServerCertificate(ca, privateKeyPem, names, now);
  await folder.replace(SERVER_FILE, privateKeyPem + pem);
  log(`issued the server certificate for ${names.join(', ')}, valid until ${notAfter.toISOString()}`);
  return { privateKeyPem, certificatePem: pem };
}

/** Is this certificate still in the first half of its life, from our CA and for these names? */
function serves(certificate: X509Certificate, ca: Issuer, names: readonly string[], now: Date): boolean {
  const from = Date.parse(certificate.validFrom);
  const half = from + (Date.parse(certificate.validTo) - from) / 2;
  return (
    now.getTime() >= from &&
    now.getTime() < half &&
    certificate.verify(new X509Certificate(ca.certificatePem).publicKey) &&
    names.every((name) => (certificate.checkHost(name) ?? certificate.checkIP(name)) !== undefined)
  );
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function parsePair(name: string, text: string): Issuer {
  const at = text.indexOf('-----BEGIN CERTIFICATE-----');
  if (at <= 0) throw new Error(`keys/${name}: expected a private key and then a certificate, both as PEM.`);
  return { privateKeyPem: text.slice(0, at), certificatePem: text.slice(at) };
}
