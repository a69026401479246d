/**
 * Takes a Mac into the fleet, in one transaction: the token's use is counted under a row lock, host and certificate are
 * written with audit and timeline. The same token and key again give the same answer, so a lost answer costs nothing.
 */
import { HostCertificates } from '../agents/host-certificates.ts';
import { ControllerBus } from '../bus/bus.ts';
import { Clock } from '../common/clock.ts';
import { InTurn } from '../common/in-turn.ts';
import { Problem } from '../common/problem.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';
import { KeyStore } from '../keys/key-store.ts';
import type { EnrolRequest } from './enrol-request.ts';
import { type KnownHost, writeHost } from './host-rows.ts';
import { secretMatches } from './token-text.ts';

export interface Enrolled {
  readonly hostId: string;
  readonly certificatePem: string;
}

interface TokenRow {
  readonly id: string;
  readonly secretSha256: string;
  readonly usesLeft: number;
  readonly labels: string[];
  readonly expiresAt: Date;
}

interface Outcome extends Enrolled {
  readonly revoked: readonly string[];
}

export class Enrolment {
  private readonly byToken = new InTurn();

  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    private readonly certificates: HostCertificates,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
  ) {}

  async enrol(request: EnrolRequest): Promise<Enrolled> {
    const enrolOne = () =>
      this.database.transaction(async (tx) => {
        const token = await lockToken(tx, request);
        // Only now: while it waited, the token may have ended.
        const now = this.clock.now();
        return (await this.earlierAnswer(tx, token, request, now)) ?? (await this.take(tx, token, request, now));
      });
    // A rack that is switched on enrols with one token: were all to wait for its row, they would hold every connection there is, and
    // on a slow machine the last ones' transactions would end of old age.
    const { hostId, certificatePem, revoked } = await this.byToken.run(request.token.id, enrolOne);
    this.certificates.announce(revoked);
    // Streams of a certificate that this one replaced may be on another controller.
    if (revoked.length > 0) this.bus.publish({ kind: 'session', hostId });
    this.bus.publish({ kind: 'due', hostId });
    return { hostId, certificatePem };
  }

  /** What was answered to the same token and key, while that certificate is still good; null = not answered yet. */
  private async earlierAnswer(tx: Tx, token: TokenRow, request: EnrolRequest, now: Date): Promise<Outcome | null> {
    const { publicKeySha256 } = request;
    const row = await tx.certificate.findFirst({
      where: { tokenId: token.id, publicKeySha256, revokedAt: null, notAfter: { gt: now } },
      orderBy: { issuedAt: 'desc' },
    });
    if (row === null) return null;
    const host = await tx.host.findUnique({ where: { id: row.hostId }, select: { hardwareUuid: true } });
    if (host?.hardwareUuid !== request.hostUuid)
      throw new Problem('CONFLICT', `this key enrolled ${host?.hardwareUuid ?? 'another Mac'}; make a new key here`);
    return { hostId: row.hostId, certificatePem: row.pem, revoked: [] };
  }

  private async take(tx: Tx, token: TokenRow, request: EnrolRequest, now: Date): Promise<Outcome> {
    if (token.expiresAt.getTime() <= now.getTime())
      throw new Problem('TOKEN_EXPIRED', `the token ended at ${token.expiresAt.toISOString()}`);
    if (token.usesLeft < 1) throw new Problem('TOKEN_USED', 'the token has no use left');
    await tx.enrolToken.update({ where: { id: token.id }, data: { usesLeft: { decrement: 1 } } });
    const { siteId } = this.database;
    const actor = `enrol_token:${token.id}`;
    const { hostId, before } = await writeHost(tx, { siteId, request, labels: token.labels, actor, now });
    if (before !== null) await requireNoOtherKey(tx, { hostId, name: before.name, request, now });
    const revoked = await this.certificates.revokeAll(tx, { hostId, actor, reason: 'enrolled again with a new key' });
    const { pem } = await this.writeCertificate(tx, hostId, token, request, now);
    await this.record(tx, { hostId, before, actor, request, now });
    return { hostId, certificatePem: pem, revoked };
  }

  private async writeCertificate(
    tx: Tx,
    hostId: string,
    token: TokenRow,
    { publicKeyPem, publicKeySha256 }: EnrolRequest,
    now: Date,
  ): Promise<{ pem: string }> {
    const { siteId, fleetId } = this.database;
    const { pem, serial, notAfter } = await this.keys.issueClient({ fleetId, hostId, publicKeyPem }, now);
    await tx.certificate.create({
      data: { serial, siteId, hostId, publicKeySha256, tokenId: token.id, pem, notAfter, issuedAt: now },
    });
    return { pem };
  }

  private async record(tx: Tx, entry: RecordEntry): Promise<void> {
    const { hostId, before, actor, request, now: at } = entry;
    const { siteId } = this.database;
    const { hostUuid, serial, model, simulated, agentVersion } = request;
    const action = before === null ? 'host.enrol' : 'host.enrol_again';
    const after = { hardwareUuid: hostUuid, serial, model, simulated, publicKeySha256: request.publicKeySha256 };
    await writeAudit(tx, { actor, action, entity: 'host', entityId: hostId, before, after, at, siteId });
    await writeHostEvent(tx, {
      siteId,
      hostId,
      at,
      kind: 'enrolled',
      detail: { again: before !== null, agentVersion },
    });
  }
}

interface RecordEntry {
  readonly hostId: string;
  readonly before: KnownHost | null;
  readonly actor: string;
  readonly request: EnrolRequest;
  readonly now: Date;
}

interface Holder {
  readonly hostId: string;
  readonly name: string;
  readonly request: EnrolRequest;
  readonly now: Date;
}

/**
 * A token lets Macs in; it does not let one take the place of another. Whoever may revoke certificates opens that way. A Mac that proves
 * to hold the very key of its certificate takes nobody's place: it lost the answer, and comes with another token.
 */
async function requireNoOtherKey(tx: Tx, { hostId, name, request, now }: Holder): Promise<void> {
  const held = await tx.certificate.findFirst({
    where: { hostId, revokedAt: null, notAfter: { gt: now }, publicKeySha256: { not: request.publicKeySha256 } },
    orderBy: { issuedAt: 'desc' },
  });
  if (held !== null)
    throw new Problem(
      'ENROL_HOST_HAS_CERTIFICATE',
      `${name} (host ${hostId}) has this hardware UUID and a valid certificate of ${held.issuedAt.toISOString()} for another key`,
      { hostId },
    );
}

/** Compares with a hash that nothing has when the token is unknown, so that both refusals take as long. */
const NO_SECRET = '0'.repeat(64);

async function lockToken(tx: Tx, { token: { id, secret } }: EnrolRequest): Promise<TokenRow> {
  const [row] = await tx.$queryRaw<TokenRow[]>`
    SELECT id, secret_sha256 AS "secretSha256", uses_left AS "usesLeft", labels, expires_at AS "expiresAt"
    FROM enrol_token WHERE id = ${id}::uuid FOR UPDATE`;
  const matches = secretMatches(secret, row?.secretSha256 ?? NO_SECRET);
  if (row === undefined || !matches) throw new Problem('TOKEN_INVALID', 'no token has this id and secret');
  return row;
}
