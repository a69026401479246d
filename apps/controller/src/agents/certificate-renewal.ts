/**
 * Renewal: a Mac whose certificate counts gets the next one. A lost answer is given again for the same key; the old certificates
 * stay good until the new one opens its first session, so that a crash in between costs nothing.
 */
import { createHash, type KeyObject, verify } from 'node:crypto';
import { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';
import { readPublicKey } from '../enrol/public-key.ts';
import { KeyStore } from '../keys/key-store.ts';
import type { Caller } from './caller.ts';
import { lockHost } from './host-lock.ts';

const DAY_MS = 86_400_000;
/** A Mac needs one in 45 days. Each is a row that is kept until long after its end. */
export const ISSUED_A_DAY_MAX = 50;

export interface RenewalRequest {
  readonly publicKeyPem: string;
  readonly proof: Uint8Array;
}

export class CertificateRenewal {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    private readonly clock: Clock,
  ) {}

  /** PEM of the new certificate. */
  async renew(caller: Caller, { publicKeyPem, proof }: RenewalRequest): Promise<string> {
    const key = readKey(publicKeyPem);
    const signed = ['headroom-renew-1', caller.hostId, caller.serial, publicKeyPem].join('|');
    if (proof.length > 256 || !verify('sha256', Buffer.from(signed, 'utf8'), key, proof))
      throw new Problem('RENEWAL_INVALID', 'proof: expected an ECDSA-SHA256 signature by the key that is asked for');
    const publicKeySha256 = createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    return this.database.transaction(async (tx) => {
      if ((await lockHost(tx, caller.hostId)) === null)
        throw new Problem('HOST_UNKNOWN', `host ${caller.hostId} is not enrolled`);
      return (
        (await this.earlierAnswer(tx, caller, publicKeySha256)) ?? this.issue(tx, caller, publicKeyPem, publicKeySha256)
      );
    });
  }

  /** The newest certificate for this key that came after the one that asks. */
  private async earlierAnswer(tx: Tx, { hostId, serial }: Caller, publicKeySha256: string): Promise<string | null> {
    const own = await tx.certificate.findUniqueOrThrow({ where: { serial }, select: { issuedAt: true } });
    const newer = await tx.certificate.findFirst({
      where: { hostId, publicKeySha256, revokedAt: null, serial: { not: serial }, issuedAt: { gt: own.issuedAt } },
      orderBy: { issuedAt: 'desc' },
    });
    return newer !== null && this.isFresh(newer.issuedAt, newer.notAfter) ? newer.pem : null;
  }

  /** In the first half of its life: who asks later wants another one. */
  private isFresh(issuedAt: Date, notAfter: Date): boolean {
    return this.clock.now().getTime() < (issuedAt.getTime() + notAfter.getTime()) / 2;
  }

  private async issue(tx: Tx, caller: Caller, publicKeyPem: string, publicKeySha256: string): Promise<string> {
    const { fleetId, siteId } = this.database;
    const { hostId } = caller;
    const at = this.clock.now();
    const since = new Date(at.getTime() - DAY_MS);
    const issued = await tx.certificate.count({ where: { hostId, issuedAt: { gt: since } } });
    if (issued >= ISSUED_A_DAY_MAX)
      throw new Problem('RATE_LIMITED', `host ${hostId} was given ${issued} certificates within a day`);
    const { pem, serial, notAfter } = await this.keys.issueClient({ fleetId, hostId, publicKeyPem }, at);
    await tx.certificate.create({ data: { serial, siteId, hostId, publicKeySha256, pem, notAfter, issuedAt: at } });
    const detail = { serial, previousSerial: caller.serial, notAfter: notAfter.toISOString() };
    await writeAudit(tx, {
      actor: `host:${hostId}`,
      action: 'certificate.renew',
      entity: 'host',
      entityId: hostId,
      before: { serial: caller.serial },
      after: detail,
      at,
      siteId,
    });
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'certificate.renewed', detail });
    return pem;
  }
}

function readKey(pem: string): KeyObject {
  if (pem.length > 1024) throw new Problem('RENEWAL_INVALID', 'public_key_pem: expected at most 1024 characters');
  return readPublicKey(pem);
}
