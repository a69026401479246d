/**
 * The Ed25519 key that signs what webhooks send, in the asymmetric form of Standard Webhooks 1.0 (`v1a`). After a rotation the key
 * before signs too, for a week: receivers change the public key that they trust at a time of their own. Both lie in one file.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const OVERLAP_DAYS = 7;
const DAY_MS = 86_400_000;
/** SPKI of an Ed25519 key: 12 bytes that are always the same, then the key's 32. */
const RAW_KEY_AT = 12;

export interface WebhookPublicKey {
  /** `whpk_` and base64 of the 32 bytes, as the specification writes it. */
  readonly publicKey: string;
  readonly publicKeyPem: string;
  /** When it stops signing; null = it is the present one. */
  readonly until: Date | null;
}

interface Held extends WebhookPublicKey {
  readonly privateKey: KeyObject;
}

const BLOCKS = /(?:^until (?<until>\S+)\n)?(?<pem>-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----\n)/gm;

export class WebhookKey {
  private keys: readonly Held[];

  constructor(private text: string) {
    this.keys = read(text);
  }

  static generateText(): string {
    return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** The present key, then the one before while it still signs. */
  publicKeys(now: Date): readonly WebhookPublicKey[] {
    return this.signing(now).map(({ publicKey, publicKeyPem, until }) => ({ publicKey, publicKeyPem, until }));
  }

  /** `webhook-signature` of one message: a signature by each key that counts now, parted by blanks. */
  sign(id: string, seconds: number, body: string, now: Date): string {
    const bytes = Buffer.from(`${id}.${seconds}.${body}`, 'utf8');
    return this.signing(now)
      .map(({ privateKey }) => `v1a,${sign(null, bytes, privateKey).toString('base64')}`)
      .join(' ');
  }

  /** Text of a file with a new key, and this one until the end of the overlap. */
  nextText(now: Date): string {
    const until = new Date(now.getTime() + OVERLAP_DAYS * DAY_MS).toISOString();
    const present = this.keys[0]?.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() ?? '';
    return `${WebhookKey.generateText()}until ${until}\n${present}`;
  }

  /** Takes over what the file says now; true when it changed. */
  adopt(text: string): boolean {
    if (text === this.text) return false;
    this.keys = read(text);
    this.text = text;
    return true;
  }

  private signing(now: Date): readonly Held[] {
    return this.keys.filter(({ until }) => until === null || until > now);
  }
}

function read(text: string): readonly Held[] {
  const keys = [...text.matchAll(BLOCKS)].map(({ groups }) => {
    const privateKey = createPrivateKey(groups?.['pem'] ?? '');
    const publicKey = createPublicKey(privateKey);
    const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(RAW_KEY_AT);
    const until = groups?.['until'];
    return {
      privateKey,
      publicKey: `whpk_${raw.toString('base64')}`,
      publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      until: until === undefined ? null : new Date(until),
    };
  });
  const isOurs = keys[0]?.until === null && keys.every((key) => key.privateKey.asymmetricKeyType === 'ed25519');
  if (!isOurs) throw new Error('The webhook key must be Ed25519 as PEM (PKCS #8).');
  return keys;
}
