/**
 * The stated end of an exception, by its time or because somebody took it back: the Macs that relied on it go back to stock by a
 * rollout of their own, never by a silent flip. That nothing more is lowered under it needs no rollout, and no clock that is trusted: each
 * evaluation asks. Guarantee: a Mac that another live exception covers stays raised under that one, and
 * one whose renewal is under way is left alone until that rollout has set its intent.
 */
import { AT_ONCE, QUOTA_STOCK } from '@headroom/core';
import { writeHostEvents } from '../audit/write-many.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { changeStanding } from '../db/lock-order.ts';
import { words } from '../db/words.ts';
import { LEFT_FLEET } from '../hosts/retire.ts';
import { tellWebhooks } from '../webhooks/outbox.ts';
import { grantsOf } from './intent-flip.ts';
import type { RolloutEngine } from './rollout-engine.ts';

const ACTOR = 'system:exceptions';
const LONG_AGO = new Date(0);

/** $1 now. Ends that were not carried out yet. */
export const ENDED = `
  SELECT id::text AS id FROM risk_exception
  WHERE ended_at IS NULL AND NOT awaits_approval AND (revoked_at IS NOT NULL OR expires_at <= $1::timestamptz) ORDER BY id`;

/**
 * $1 exception, $2 stock, $3 now. Macs raised under it that its end has not reached yet. `renewed` = a live rollout will set an intent
 * under a grant that names the Mac and has not ended. A Mac that waited in its end when it was taken out of the fleet was not reached.
 */
export const RELYING = `
  SELECT i.host_id::text AS "hostId", i.revision_id::text AS "revisionId", EXISTS (
      SELECT 1 FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
        JOIN risk_exception e ON e.policy_revision_id = r.revision_id AND e.id <> $1::uuid
        JOIN "grant" n ON n.exception_id = e.id
      WHERE t.host_id = i.host_id AND t.state = 'pending' AND r.state IN ('running', 'paused', 'waiting_for_confirmation')
        AND n.revoked_at IS NULL AND n.expires_at > $3::timestamptz AND n.payload::jsonb -> 'hostUuids' ? h.hardware_uuid) AS renewed
  FROM "grant" g JOIN intent i ON i.grant_id = g.id JOIN host h ON h.id = i.host_id
  WHERE g.exception_id = $1::uuid AND i.quota > $2::int AND h.retired_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
    WHERE r.exception_id = $1::uuid AND t.host_id = i.host_id
      AND (t.state <> 'skipped' OR t.reason IS NULL OR t.reason NOT IN (${words(Object.values(LEFT_FLEET))})))
  ORDER BY i.host_id`;

interface RelyingHost {
  readonly hostId: string;
  readonly revisionId: string | null;
  readonly renewed: boolean;
}

export class ExceptionEnds {
  constructor(
    private readonly database: Database,
    private readonly rollouts: RolloutEngine,
  ) {}

  /** `mayExpire` = the clock is trusted: else only what a person took back is carried out. */
  async sweepOnce(now: Date, mayExpire = true): Promise<void> {
    const ended = await this.database.look<{ id: string }>(ENDED, mayExpire ? now : LONG_AGO);
    await eachApart(
      ended.map(({ id }) => id),
      String,
      // Whoever applies a policy under a new exception comes before this, or after it.
      (id) => changeStanding(this.database, (tx) => this.carryOut(tx, id, now)),
    );
  }

  private async carryOut(tx: Tx, id: string, now: Date): Promise<void> {
    await tx.$queryRaw`SELECT 1 FROM risk_exception WHERE id = ${id}::uuid FOR UPDATE`;
    const exception = await tx.riskException.findUnique({ where: { id } });
    if (exception === null || exception.endedAt !== null) return;
    const relying = await tx.$queryRawUnsafe<RelyingHost[]>(RELYING, id, QUOTA_STOCK, now);
    const mine = relying.filter(({ renewed }) => !renewed);
    await this.rollouts.lockTargets(
      tx,
      mine.map(({ hostId }) => hostId),
    );
    const covered = await this.coveredBy(tx, mine, now);
    const back = mine.map(({ hostId }) => hostId).filter((hostId) => !covered.has(hostId));
    const how = exception.revokedAt === null ? 'ended' : 'was taken back';
    const at = (exception.revokedAt ?? exception.expiresAt).toISOString();
    const about = { actor: ACTOR, exceptionId: id, now };
    const made: string[] = [];
    if (back.length > 0) {
      const title = `The exception "${exception.purpose}" ${how} at ${at}: back to stock.`;
      made.push((await this.rollouts.create(tx, { ...about, revisionId: null, hostIds: back, title })).id);
    }
    for (const revisionId of new Set(covered.values())) {
      const hostIds = [...covered].filter(([, one]) => one === revisionId).map(([hostId]) => hostId);
      const title = `The exception "${exception.purpose}" ${how} at ${at}: another one covers these Macs.`;
      made.push((await this.rollouts.create(tx, { ...about, revisionId, hostIds, title, strategy: AT_ONCE })).id);
    }
    const isDone = relying.length === mine.length;
    if (isDone) await tx.riskException.update({ where: { id }, data: { endedAt: now } });
    if (isDone || made.length > 0)
      await this.tell(tx, exception, { back, covered: [...covered.keys()], made, how }, now);
  }

  /** Of these, the Macs that another exception for the same revision names, with that revision. */
  private async coveredBy(tx: Tx, hosts: readonly RelyingHost[], now: Date): Promise<ReadonlyMap<string, string>> {
    const covered = new Map<string, string>();
    for (const revisionId of new Set(hosts.flatMap((host) => host.revisionId ?? []))) {
      const ids = hosts.filter((host) => host.revisionId === revisionId).map(({ hostId }) => hostId);
      for (const hostId of (await grantsOf(tx, revisionId, ids, now)).keys()) covered.set(hostId, revisionId);
    }
    return covered;
  }

  private async tell(
    tx: Tx,
    { id: exceptionId, expiresAt }: { readonly id: string; readonly expiresAt: Date },
    { back, covered, made, how }: Readonly<Record<'back' | 'covered' | 'made', readonly string[]>> & { how: string },
    at: Date,
  ): Promise<void> {
    const { siteId } = this.database;
    const detail = { exceptionId, how, rolloutIds: [...made] };
    const counts = { backToStock: back.length, coveredByAnother: covered.length };
    await writeHostEvents(
      tx,
      [...back].map((hostId) => ({ siteId, hostId, at, kind: 'exception.ended', detail })),
    );
    await writeAudit(tx, {
      actor: ACTOR,
      action: 'exception.end',
      entity: 'exception',
      entityId: exceptionId,
      after: { how, ...counts, rolloutIds: [...made] },
      at,
      siteId,
    });
    const data = { exceptionId, actor: ACTOR, expiresAt, how, ...counts };
    await tellWebhooks(tx, [{ siteId, at, type: 'exception.ended', data }]);
  }
}
