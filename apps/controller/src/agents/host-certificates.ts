/**
 * Which certificates of Macs count. The table is asked at every call, so a revocation holds at once in every controller;
 * streams that live on are cut by those who listen to `onRevoked`, and checked again now and then by the agents' server.
 */
import { EventEmitter } from 'node:events';
import { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';

export interface Revocation {
  readonly hostId: string;
  /** Who, as in the audit. */
  readonly actor: string;
  readonly reason: string;
}

export class HostCertificates {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Revokes one certificate and cuts its live streams. Repeating it changes nothing. */
  async revoke(serial: string, actor: string, reason: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = await tx.certificate.findUnique({ where: { serial }, select: { hostId: true } });
      if (row === null) throw new Problem('NOT_FOUND', `no certificate has the serial ${serial}`);
      await this.revokeRows(tx, { hostId: row.hostId, actor, reason }, [serial]);
    });
    this.announce([serial]);
  }

  /** Revokes all certificates of a host inside the caller's transaction; `announce` the serials after it was committed. */
  async revokeAll(tx: Tx, revocation: Revocation): Promise<readonly string[]> {
    const valid = await tx.certificate.findMany({
      where: { hostId: revocation.hostId, revokedAt: null },
      select: { serial: true },
    });
    const serials = valid.map(({ serial }) => serial);
    await this.revokeRows(tx, revocation, serials);
    return serials;
  }

  /** Revokes what a host had before this certificate, in the caller's transaction: the new one is in use. */
  async revokeOlder(tx: Tx, revocation: Revocation, serial: string): Promise<readonly string[]> {
    const older = await tx.$queryRaw<{ serial: string }[]>`
      SELECT o.serial FROM certificate c JOIN certificate o ON o.host_id = c.host_id AND o.issued_at < c.issued_at
      WHERE c.serial = ${serial} AND o.revoked_at IS NULL`;
    const serials = older.map((row) => row.serial);
    if (serials.length > 0) await this.revokeRows(tx, revocation, serials);
    return serials;
  }

  /** Tells this process that these are revoked. Never from inside a transaction. */
  announce(serials: readonly string[]): void {
    for (const serial of serials) this.emitter.emit('revoked', serial);
  }

  /** Returns the way to stop listening. */
  onRevoked(listener: (serial: string) => void): () => void {
    this.emitter.on('revoked', listener);
    return () => this.emitter.off('revoked', listener);
  }

  private async revokeRows(tx: Tx, { hostId, actor, reason }: Revocation, serials: readonly string[]): Promise<void> {
    const at = this.clock.now();
    const { count } = await tx.certificate.updateMany({
      where: { serial: { in: [...serials] }, revokedAt: null },
      data: { revokedAt: at },
    });
    if (count === 0) return;
    const { siteId } = this.database;
    const detail = { serials: [...serials], reason };
    await writeAudit(tx, {
      actor,
      action: 'certificate.revoke',
      entity: 'host',
      entityId: hostId,
      after: detail,
      at,
      siteId,
    });
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'certificate.revoked', detail });
  }
}
