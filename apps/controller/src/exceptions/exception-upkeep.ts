import { permissionsOf, ROLES, type Role } from '../api/permissions.ts';
import { writeHostEvents } from '../audit/write-many.ts';
import type { Database } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { tellWebhooks } from '../webhooks/outbox.ts';
import { lapsedBefore, WARNING_DAYS } from './exception-view.ts';
import type { Exceptions } from './exceptions.ts';

const mayApprove = (role: Role) => permissionsOf(role).includes('exception.approve');
const DAY_MS = 86_400_000;
const ACTOR = 'system:exceptions';

/** $1 now, $2 roles that may approve. Exceptions approved by a token of whose name none is left that may. */
const APPROVER_GONE = `
  SELECT e.id::text AS id, e.approver FROM risk_exception e
  WHERE e.revoked_at IS NULL AND NOT e.awaits_approval AND e.expires_at > $1::timestamptz
    AND EXISTS (SELECT 1 FROM api_token t WHERE 'token:' || t.name = e.approver)
    AND NOT EXISTS (SELECT 1 FROM api_token t WHERE 'token:' || t.name = e.approver AND t.revoked_at IS NULL AND t.role = ANY($2))
  ORDER BY e.id`;

/** $1 now, $2 until. */
const ENDING = `
  SELECT id::text AS id, expires_at AS "expiresAt", warned_days AS "warnedDays" FROM risk_exception
  WHERE revoked_at IS NULL AND NOT awaits_approval AND expires_at > $1::timestamptz AND expires_at <= $2::timestamptz`;

interface Ending {
  readonly id: string;
  readonly expiresAt: Date;
  readonly warnedDays: number | null;
}

const idOf = ({ id }: { readonly id: string }) => id;

/** $1 made at this time or before. Requests that nobody approved in time. */
const LAPSING = `
  SELECT id::text AS id FROM risk_exception
  WHERE awaits_approval AND revoked_at IS NULL AND lapsed_at IS NULL AND created_at <= $1::timestamptz ORDER BY id`;

/**
 * What time and people do to exceptions: warnings before the end, each once, the end when their approver is gone, and of a request when
 * nobody approves it.
 */
export class ExceptionUpkeep {
  constructor(
    private readonly database: Database,
    private readonly exceptions: Exceptions,
  ) {}

  /** Ends those whose approver is gone. */
  async endOrphaned(now: Date): Promise<void> {
    const gone = await this.database.look<{ id: string; approver: string }>(
      APPROVER_GONE,
      now,
      ROLES.filter(mayApprove),
    );
    await eachApart(gone, idOf, ({ id, approver }) =>
      this.exceptions.revoke(id, ACTOR, `The approver ${approver} was removed.`),
    );
  }

  /** Warns before the end. */
  async warn(now: Date): Promise<void> {
    const [furthest] = WARNING_DAYS;
    const until = new Date(now.getTime() + furthest * DAY_MS);
    const ending = await this.database.look<Ending>(ENDING, now, until);
    await eachApart(ending, idOf, async ({ id, expiresAt, warnedDays }) => {
      const leftMs = expiresAt.getTime() - now.getTime();
      const days = WARNING_DAYS.filter((one) => leftMs <= one * DAY_MS).at(-1);
      if (days !== undefined && (warnedDays === null || days < warnedDays))
        await this.warnOnce(id, days, expiresAt, now);
    });
  }

  /** Says of each once that it lapsed. That it counts no more follows from its age alone. */
  async lapse(now: Date): Promise<void> {
    const lapsing = await this.database.look<{ id: string }>(LAPSING, lapsedBefore(now));
    await eachApart(lapsing, idOf, ({ id }) => this.lapseOne(id, now));
  }

  private async lapseOne(id: string, now: Date): Promise<void> {
    const { siteId } = this.database;
    await this.database.transaction(async (tx) => {
      const waiting = { id, awaitsApproval: true, revokedAt: null, lapsedAt: null };
      const { count } = await tx.riskException.updateMany({ where: waiting, data: { lapsedAt: now } });
      if (count === 0) return;
      const { requestedBy, expiresAt } = await tx.riskException.findUniqueOrThrow({ where: { id } });
      const after = { state: 'lapsed', requestedBy };
      const change = { entity: 'exception', entityId: id, after, at: now, siteId };
      await writeAudit(tx, { actor: ACTOR, action: 'exception.lapse', ...change });
      const data = { exceptionId: id, actor: ACTOR, expiresAt, requestedBy };
      await tellWebhooks(tx, [{ siteId, at: now, type: 'exception.lapsed', data }]);
    });
  }

  private async warnOnce(id: string, days: number, expiresAt: Date, now: Date): Promise<void> {
    const { siteId } = this.database;
    await this.database.transaction(async (tx) => {
      const { count } = await tx.riskException.updateMany({
        where: { id, OR: [{ warnedDays: null }, { warnedDays: { gt: days } }] },
        data: { warnedDays: days },
      });
      if (count === 0) return;
      const detail = { exceptionId: id, days, expiresAt: expiresAt.toISOString() };
      const hosts = await tx.$queryRaw<{ hostId: string }[]>`
        SELECT i.host_id::text AS "hostId" FROM intent i JOIN "grant" g ON g.id = i.grant_id JOIN host h ON h.id = i.host_id
        WHERE g.exception_id = ${id}::uuid AND h.retired_at IS NULL ORDER BY i.host_id`;
      await writeHostEvents(
        tx,
        hosts.map(({ hostId }) => ({ siteId, hostId, at: now, kind: 'exception.ends_soon', detail })),
      );
      await writeAudit(tx, {
        actor: ACTOR,
        action: 'exception.warn',
        entity: 'exception',
        entityId: id,
        after: { ...detail, hosts: hosts.length },
        at: now,
        siteId,
      });
      const data = { ...detail, actor: ACTOR, hosts: hosts.length };
      await tellWebhooks(tx, [{ siteId, at: now, type: 'exception.ends_soon', data }]);
    });
  }
}
