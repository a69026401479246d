/**
 * The Ed25519 key that signs grants, and the keys before it. Its public half is pinned on each Mac at enrolment; a new one is
 * believed there because the old one signed it. Key and chain lie in one file, so that neither can be there without the other.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { grantKeyRetirementText, grantKeyRotationText } from '@headroom/core';

/** How Macs come from one key to the next. */
export interface GrantKeyRotation {
  readonly keyId: string;
  readonly publicKeyPem: string;
  readonly signedBy: string;
  /** Base64, over `grantKeyRotationText`. */
  readonly signature: string;
}

/** The present key's word that another one is believed no more. */
export interface GrantKeyRetirement {
  readonly keyId: string;
  readonly retiredAt: string;
  readonly signedBy: string;
  /** Base64, over `grantKeyRetirementText`. */
  readonly signature: string;
}

export interface GrantPublicKey {
  readonly keyId: string;
  readonly publicKeyPem: string;
}

interface Chain {
  /** Keys before, oldest first: grants that they signed stay valid until they expire, unless the key was retired. */
  readonly previous: readonly GrantPublicKey[];
  readonly rotations: readonly GrantKeyRotation[];
  /** Absent in files of earlier releases. */
  readonly retirements?: readonly GrantKeyRetirement[];
}

interface Held extends GrantPublicKey, Chain {
  readonly text: string;
  readonly privateKey: KeyObject;
}

const CHAIN_LINE = /^chain (\{.*\})$/m;

export class GrantKey {
  private held: Held;

  constructor(text: string) {
    this.held = read(text);
  }

  /** First 16 hex digits of the public key's sha256: tells keys apart, proves nothing. */
  get keyId(): string {
    return this.held.keyId;
  }

  get publicKeyPem(): string {
    return this.held.publicKeyPem;
  }

  get previousKeys(): readonly GrantPublicKey[] {
    return this.held.previous;
  }

  get rotations(): readonly GrantKeyRotation[] {
    return this.held.rotations;
  }

  get retirements(): readonly GrantKeyRetirement[] {
    return this.held.retirements ?? [];
  }

  static generatePem(): string {
    return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** Base64 signature over the UTF-8 bytes of the payload. */
  sign(payload: string): string {
    return sign(null, Buffer.from(payload, 'utf8'), this.held.privateKey).toString('base64');
  }

  /** Text of a file with a new key, signed by this one. */
  nextText(): string {
    const pem = GrantKey.generatePem();
    const next = read(pem);
    const { keyId, publicKeyPem, previous, rotations } = this.held;
    const { retirements } = this;
    const signature = this.sign(grantKeyRotationText(next));
    const rotation = { keyId: next.keyId, publicKeyPem: next.publicKeyPem, signedBy: keyId, signature };
    const chain: Chain = {
      previous: [...previous, { keyId, publicKeyPem }],
      rotations: [...rotations, rotation],
      retirements,
    };
    return fileText(pem, chain);
  }

  /** Text of this file with one more key that is believed no more. Never the present one: Macs would believe nobody. */
  retiringText(keyId: string, now: Date): string {
    const { privateKey, previous, rotations } = this.held;
    const retiredAt = now.toISOString();
    const signature = this.sign(grantKeyRetirementText({ keyId, retiredAt }));
    const retirements = [...this.retirements, { keyId, retiredAt, signedBy: this.keyId, signature }];
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return fileText(pem, { previous, rotations, retirements });
  }

  /** Takes over what the file says now; true when it changed. */
  adopt(text: string): boolean {
    if (text === this.held.text) return false;
    this.held = read(text);
    return true;
  }
}

function fileText(pem: string, chain: Chain): string {
  return `${pem}chain ${JSON.stringify(chain)}\n`;
}

function read(text: string): Held {
  const privateKey = createPrivateKey(text);
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw new Error(`The grant key must be Ed25519, seen ${privateKey.asymmetricKeyType ?? 'a secret key'}.`);
  const publicKey = createPublicKey(privateKey);
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(der).digest('hex').slice(0, 16);
  const line = CHAIN_LINE.exec(text)?.[1];
  const chain: Chain = line === undefined ? { previous: [], rotations: [] } : (JSON.parse(line) as Chain);
  return { text, privateKey, publicKeyPem, keyId, ...chain };
}
