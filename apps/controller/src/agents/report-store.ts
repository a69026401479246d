/**
 * What a host's agent said last. Reports are ordered by (boot ordinal, sequence) within a session; a lower or equal one
 * changes nothing. A host becomes due only when something changed that an answer could rest on.
 */
import { Clock } from '../common/clock.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import type { Prisma } from '../db/generated/client.ts';
import { markDue } from '../db/host-events.ts';
import type { ReceivedFacts } from './facts-input.ts';
import type { LockedReport } from './host-lock.ts';

export interface Position {
  readonly sessionNumber: bigint;
  readonly bootOrdinal: number;
  readonly sequence: bigint;
}

export class ReportStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * An unchanged check-in: one statement, no transaction. Gives what we hold, and whether the host had been thought silent:
   * then being heard of is itself a change, and the host is marked due.
   */
  async touch(
    hostId: string,
    position: Position,
  ): Promise<{ readonly factsSha256: string | null; readonly due: boolean }> {
    const now = this.clock.now();
    const { pool } = this.database;
    const { rows } = await pool.query<{ factsSha256: string | null }>(TOUCH, [
      hostId,
      position.sessionNumber,
      position.bootOrdinal,
      position.sequence,
      now,
    ]);
    const { rowCount } = await pool.query(HEARD_AGAIN, [hostId, now]);
    return { factsSha256: rows[0]?.factsSha256 ?? null, due: (rowCount ?? 0) > 0 };
  }

  /** Moves the position on; false when this report is not newer than what was taken, and must be dropped. */
  async advance(tx: Tx, report: LockedReport, { bootOrdinal, sequence }: Position): Promise<boolean> {
    const isNewer =
      bootOrdinal > report.bootOrdinal || (bootOrdinal === report.bootOrdinal && sequence > report.sequence);
    if (!isNewer) return false;
    await tx.hostReport.update({
      where: { hostId: report.hostId },
      data: { bootOrdinal, sequence, lastSeenAt: this.clock.now() },
    });
    return true;
  }

  /** Stores facts that passed `advance`. true = they differ from what we had, and the host was marked due. */
  async storeFacts(tx: Tx, report: LockedReport, { facts, sha256 }: ReceivedFacts): Promise<boolean> {
    if (report.factsSha256 === sha256) return false;
    const at = this.clock.now();
    const { hostId } = report;
    const { siteId } = this.database;
    await tx.hostReport.update({
      where: { hostId },
      data: { facts: facts as unknown as Prisma.InputJsonObject, factsSha256: sha256, factsAt: at },
    });
    if (facts.boot.sessionId !== null) await this.noteBoot(tx, report, facts.boot.sessionId);
    await markDue(tx, [hostId], at);
    await writeAudit(tx, {
      actor: `host:${hostId}`,
      action: 'host.facts',
      entity: 'host',
      entityId: hostId,
      before: { factsSha256: report.factsSha256 },
      after: { factsSha256: sha256 },
      at,
      siteId,
    });
    return true;
  }

  /** Remembers by our clock when a boot session was first seen. true = it is a new one. */
  async noteBoot(tx: Tx, report: LockedReport, bootSessionId: string): Promise<boolean> {
    const known = bootSessionId.toUpperCase();
    if (known === report.bootSessionId) return false;
    await tx.hostReport.update({
      where: { hostId: report.hostId },
      data: { bootSessionId: known, bootFirstSeenAt: this.clock.now() },
    });
    return true;
  }
}

/** The sub-select takes the sha even when the position is not newer, so that a repeated check-in gets the same answer. */
const TOUCH = `
  WITH moved AS (
    UPDATE host_report SET boot_ordinal = $3, sequence = $4, last_seen_at = $5
    WHERE host_id = $1 AND session_number = $2 AND (boot_ordinal, sequence) < ($3, $4))
  SELECT facts_sha256 AS "factsSha256" FROM host_report WHERE host_id = $1`;

const HEARD_AGAIN = `
  UPDATE host_state SET due_at = $2 WHERE host_id = $1 AND presence <> 'online' AND due_at IS NULL`;
