/**
 * The keys of this controller, as files and never in the database: the fleet's CA, grant key and webhook key, which all its
 * controllers share (`keysDir`), and the certificate of this one's two TLS listeners (`stateDir/keys`). Each file holds a key and its certificate together, so no torn pair can lie there.
 */
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '@headroom/core';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
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
import { WebhookKey } from './webhook-key.ts';

const CA_FILE = 'fleet-ca.pem';
const SERVER_FILE = 'server.pem';
const GRANT_FILE = 'grant-key.pem';
const WEBHOOK_FILE = 'webhook-key.pem';

const log = logger('keys');

export interface TlsIdentity {
  readonly privateKeyPem: string;
  /** The server's certificate, then the CA's: a Mac that knows only the CA's fingerprint finds it in the handshake. */
  readonly chainPem: string;
}

export interface KeyOptions {
  /** How long certificates last; tests use short ones. */
  readonly clientMs?: number;
  readonly serverMs?: number;
  /** false = CA and grant key must be there already: the database rests on them. */
  readonly mayCreate?: boolean;
}

type KeyConfig = Pick<ControllerConfig, 'stateDir' | 'keysDir' | 'publicHost'>;
export type KeysPlace = Pick<ControllerConfig, 'stateDir' | 'keysDir'>;

export class KeyStore {
  /** sha256 of the CA certificate's DER as lower-case hex: what enrolment tokens carry. */
  readonly caFingerprint: string;
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  private constructor(
    private readonly ca: Issuer,
    private server: Issuer,
    readonly grantKey: GrantKey,
    readonly webhookKey: WebhookKey,
    private readonly folders: { readonly own: KeyFolder; readonly shared: KeyFolder },
    private readonly names: readonly string[],
    private readonly clock: Clock,
    private readonly options: KeyOptions,
  ) {
    this.caFingerprint = createHash('sha256').update(new X509Certificate(ca.certificatePem).raw).digest('hex');
  }

  /** Reads the keys, making what is missing and renewing the server's certificate when half its life is over. */
  static async open(config: KeyConfig, clock: Clock, options: KeyOptions = {}): Promise<KeyStore> {
    const own = await KeyFolder.open(join(config.stateDir, 'keys'));
    const shared = config.keysDir ? await KeyFolder.open(config.keysDir) : own;
    if (options.mayCreate === false) await requireFiles(shared);
    const ca = await openCa(shared, clock.now());
    const names = [...new Set(['localhost', config.publicHost])];
    const server = await openServer(own, ca, names, clock.now(), options.serverMs);
    const grant = (await shared.read(GRANT_FILE)) ?? (await shared.create(GRANT_FILE, GrantKey.generatePem()));
    const webhook = (await shared.read(WEBHOOK_FILE)) ?? (await shared.create(WEBHOOK_FILE, WebhookKey.generateText()));
    const [grantKey, webhookKey] = [new GrantKey(grant), new WebhookKey(webhook)];
    return new KeyStore(ca, server, grantKey, webhookKey, { own, shared }, names, clock, options);
  }

  /** Makes a new grant key that the present one has signed. Running controllers take it over by themselves. */
  static async rotateGrantKey(config: KeysPlace): Promise<GrantKey> {
    return new GrantKey(await rotate(config, GRANT_FILE, (text) => new GrantKey(text).nextText()));
  }

  /** Says by the present key that another one is believed no more. Running controllers and Macs take it over by themselves. */
  static async retireGrantKey(config: KeysPlace, keyId: string, now: Date): Promise<GrantKey> {
    const text = await rotate(config, GRANT_FILE, (lying) => {
      const key = new GrantKey(lying);
      requireRetirable(key, keyId);
      return key.retiringText(keyId, now);
    });
    return new GrantKey(text);
  }

  /** Makes a new key for webhooks; the one before signs beside it for a while. */
  static async rotateWebhookKey(config: KeysPlace, now: Date): Promise<WebhookKey> {
    return new WebhookKey(await rotate(config, WEBHOOK_FILE, (text) => new WebhookKey(text).nextText(now)));
  }

  get caPem(): string {
    return this.ca.certificatePem;
  }

  get tls(): TlsIdentity {
    const { privateKeyPem, certificatePem } = this.server;
    return { privateKeyPem, chainPem: certificatePem + this.ca.certificatePem };
  }

  /** A certificate for one Mac: clientAuth, 90 days, random serial. */
  issueClient(
    mac: { readonly fleetId: string; readonly hostId: string; readonly publicKeyPem: string },
    now: Date,
  ): Promise<IssuedCertificate> {
    return issueClientCertificate(this.ca, mac, now, this.options.clientMs);
  }

  /** Was this certificate issued by our CA? */
  hasIssued(certificatePem: string): boolean {
    return new X509Certificate(certificatePem).verify(new X509Certificate(this.ca.certificatePem).publicKey);
  }

  /** Call it now and then: renews the server's certificate when it is due, and takes over rotated keys. */
  async refresh(): Promise<void> {
    const { own, shared } = this.folders;
    if (!serves(new X509Certificate(this.server.certificatePem), this.ca, this.names, this.clock.now())) {
      this.server = await openServer(own, this.ca, this.names, this.clock.now(), this.options.serverMs);
      this.emitter.emit('tls');
    }
    const grant = await shared.read(GRANT_FILE);
    if (grant !== null && this.grantKey.adopt(grant))
      log(`the grant key is ${this.grantKey.keyId}, as its file says now`);
    const webhook = await shared.read(WEBHOOK_FILE);
    if (webhook !== null && this.webhookKey.adopt(webhook)) log('the key of webhooks is a new one from now on');
  }

  /** Listeners must show the new certificate to whoever connects from now on. Returns the way to stop listening. */
  onTlsRenewed(listener: () => void): () => void {
    this.emitter.on('tls', listener);
    return () => this.emitter.off('tls', listener);
  }
}

async function rotate(place: KeysPlace, name: string, nextText: (text: string) => string): Promise<string> {
  const path = place.keysDir ?? join(place.stateDir, 'keys');
  if (!existsSync(join(path, name))) throw new Problem('NOT_FOUND', `There is no ${name} in ${path}.`);
  const folder = await KeyFolder.open(path);
  const next = nextText((await folder.read(name)) ?? '');
  await folder.replace(name, next);
  return next;
}

function requireRetirable(key: GrantKey, keyId: string): void {
  const known = key.previousKeys.map((one) => one.keyId);
  if (keyId === key.keyId)
    throw new Problem('CONFLICT', `${keyId} is the present grant key: rotate it first, then its successor retires it.`);
  if (key.retirements.some((one) => one.keyId === keyId))
    throw new Problem('CONFLICT', `The grant key ${keyId} is retired already.`);
  if (!/^[0-9a-f]{16}$/.test(keyId))
    throw new Problem(
      'VALIDATION_FAILED',
      `The id of a grant key has 16 hex digits; seen ${keyId}. Known: ${known.join(', ')}.`,
    );
}

async function requireFiles(folder: KeyFolder): Promise<void> {
  for (const name of [CA_FILE, GRANT_FILE]) {
    if ((await folder.read(name)) !== null) continue;
    throw notOfFleet(`${join(folder.path, name)} is missing, and the database holds what it signed.`);
  }
}

/** Read on a terminal at the start, so it brings its own next step. */
export function notOfFleet(detail: string): Problem {
  return new Problem('KEYS_NOT_OF_FLEET', `${detail} ${describeError('KEYS_NOT_OF_FLEET').remedy}`);
}

async function openCa(folder: KeyFolder, now: Date): Promise<Issuer> {
  const lying = await folder.read(CA_FILE);
  if (lying !== null) return parsePair(CA_FILE, lying);
  const privateKeyPem = newPrivateKey();
  const { pem } = await createCaCertificate(privateKeyPem, now);
  log(`made the fleet's CA in ${folder.path}; back this folder up: without it every Mac must enrol again`);
  return parsePair(CA_FILE, await folder.create(CA_FILE, privateKeyPem + pem));
}

async function openServer(
  folder: KeyFolder,
  ca: Issuer,
  names: readonly string[],
  now: Date,
  lifeMs?: number,
): Promise<Issuer> {
  const lying = await folder.read(SERVER_FILE);
  if (lying !== null) {
    const pair = parsePair(SERVER_FILE, lying);
    if (serves(new X509Certificate(pair.certificatePem), ca, names, now)) return pair;
  }
  const privateKeyPem = newPrivateKey();
  const { pem, notAfter } = await issueServerCertificate(ca, privateKeyPem, names, now, lifeMs);
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
