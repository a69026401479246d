/**
 * The forms of our certificates. All keys are P-256. A Mac is named by its SAN URI alone,
 * `spiffe://<fleet id>/host/<host id>`; nothing a Mac writes into a request ends up in a certificate but its public key.
 */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** Clocks of Macs differ: a certificate is valid from a little before it was made, and a short one from a tenth of its life. */
const BACKDATE_MS = 3_600_000;
const BACKDATE_PART = 10;

const CA_MS = 3650 * DAY_MS;
const LEAF_MS = 90 * DAY_MS;

export interface Issuer {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface IssuedCertificate {
  readonly pem: string;
  /** Lower-case hex, as in the table of certificates. */
  readonly serial: string;
  readonly notAfter: Date;
}

/** The fleet's own root: it signs servers and Macs, and no further authority. */
export async function createCaCertificate(privateKeyPem: string, now: Date): Promise<IssuedCertificate> {
  const publicKey = await importPublicKey(publicPem(privateKeyPem));
  const name = 'CN=Headroom fleet CA';
  return create({
    subject: name,
    issuer: name,
    lifeMs: CA_MS,
    now,
    publicKey,
    signingKey: await importPrivateKey(privateKeyPem),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
}

/** For the listeners of enrolment and agents. */
export async function issueServerCertificate(
  issuer: Issuer,
  privateKeyPem: string,
  names: readonly string[],
  now: Date,
  lifeMs = LEAF_MS,
): Promise<IssuedCertificate> {
  const san = names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
  return issueLeaf(issuer, publicPem(privateKeyPem), { now, lifeMs }, 'CN=Headroom controller', [
    new x509.SubjectAlternativeNameExtension(san),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
  ]);
}

/** For one Mac. The caller has checked that the Mac holds the private key. */
export async function issueClientCertificate(
  issuer: Issuer,
  mac: { readonly fleetId: string; readonly hostId: string; readonly publicKeyPem: string },
  now: Date,
  lifeMs = LEAF_MS,
): Promise<IssuedCertificate> {
  const uri = `spiffe://${mac.fleetId}/host/${mac.hostId}`;
  return issueLeaf(issuer, mac.publicKeyPem, { now, lifeMs }, `CN=${mac.hostId}`, [
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
}

async function issueLeaf(
  issuer: Issuer,
  publicKeyPem: string,
  { now, lifeMs }: { readonly now: Date; readonly lifeMs: number },
  subject: string,
  extensions: x509.Extension[],
): Promise<IssuedCertificate> {
  const { name, signingKey, keyIdentifier } = await readyIssuer(issuer);
  const publicKey = await importPublicKey(publicKeyPem);
  return create({
    subject,
    issuer: name,
    lifeMs,
    now,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      keyIdentifier,
      ...extensions,
    ],
  });
}

interface ReadyIssuer {
  readonly name: string;
  readonly signingKey: webcrypto.CryptoKey;
  readonly keyIdentifier: x509.Extension;
}

/** Reading keys costs more than signing: once for each issuer, while it lives. */
const readyIssuers = new WeakMap<Issuer, Promise<ReadyIssuer>>();

function readyIssuer(issuer: Issuer): Promise<ReadyIssuer> {
  const ready = readyIssuers.get(issuer) ?? readIssuer(issuer);
  readyIssuers.set(issuer, ready);
  return ready;
}

async function readIssuer({ certificatePem, privateKeyPem }: Issuer): Promise<ReadyIssuer> {
  const ca = new x509.X509Certificate(certificatePem);
  return {
    name: ca.subject,
    signingKey: await importPrivateKey(privateKeyPem),
    keyIdentifier: await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
  };
}

interface CreateInput {
  readonly subject: string;
  readonly issuer: string;
  readonly lifeMs: number;
  readonly now: Date;
  readonly publicKey: webcrypto.CryptoKey;
  readonly signingKey: webcrypto.CryptoKey;
  readonly extensions: x509.Extension[];
}

async function create({ lifeMs, now, ...rest }: CreateInput): Promise<IssuedCertificate> {
  const serial = randomSerial();
  const notAfter = new Date(now.getTime() + lifeMs);
  const certificate = await x509.X509CertificateGenerator.create({
    ...rest,
    serialNumber: serial,
    notBefore: new Date(now.getTime() - Math.min(BACKDATE_MS, lifeMs / BACKDATE_PART)),
    notAfter,
    signingAlgorithm: SIGNING,
  });
  return { pem: `${certificate.toString('pem')}\n`, serial, notAfter };
}

/** 126 random bits. The first byte is never 0 and the number never negative, so that every tool prints the same hex. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | (bytes.readUInt8(0) & 0x3f);
  return bytes.toString('hex');
}

function publicPem(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}

function importPublicKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', der, ECDSA, true, ['verify']);
}

function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ECDSA, false, ['sign']);
}
