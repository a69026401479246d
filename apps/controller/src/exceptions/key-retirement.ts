/**
 * What a retired grant key leaves behind: the grants that it signed cover nothing from the moment in which this is noticed, and their
 * exceptions ask to be signed again. Who signs takes the risk anew, for Macs that were covered and no others; what nobody signs again in
 * time ends as if it had been revoked. Guarantee: a retired key takes consent away and gives none.
 */
import { AT_ONCE } from '@headroom/core';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { changeStanding } from '../db/lock-order.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { tellWebhooks } from '../webhooks/outbox.ts';
import { confirmQuota } from './exception-input.ts';
import { exceptionState } from './exception-view.ts';
import { type Approval, type CoveredHost, type Exceptions, lockException } from './exceptions.ts';
import { requireApart } from './four-eyes.ts';
import type { GrantSigner } from './grant-signer.ts';
import { GrantWriter } from './grant-writer.ts';
import { endRelyingWork, lockNamed, type PlanEnds, relyingOn, tellRelying } from './relying-work.ts';
import { requireShown } from './request-hosts.ts';

const ACTOR = 'system:exceptions';
/** How long an exception waits for a new signature. */
export const SIGN_AGAIN_DAYS = 14;
const DAY_MS = 86_400_000;

/** $1 ids of retired keys, $2 now. Exceptions with a live grant by one of them. */
const DISTRUSTED = `
  SELECT DISTINCT e.id::text AS id FROM risk_exception e JOIN "grant" g ON g.exception_id = e.id
  WHERE g.key_id = ANY($1::text[]) AND g.revoked_at IS NULL AND g.expires_at > $2::timestamptz AND e.revoked_at IS NULL ORDER BY 1`;

/** $1 retired at this time or before, $2 now. */
const UNSIGNED = `
  SELECT id::text AS id FROM risk_exception
  WHERE key_retired_at <= $1::timestamptz AND revoked_at IS NULL AND expires_at > $2::timestamptz ORDER BY id`;

/** $1 exception. Macs that its grants named, and that are still there. */
const NAMED = `
  SELECT h.id::text AS id, h.hardware_uuid AS "hardwareUuid" FROM host h
  WHERE h.retired_at IS NULL AND h.hardware_uuid IN (
    SELECT jsonb_array_elements_text(g.payload::jsonb -> 'hostUuids') FROM "grant" g WHERE g.exception_id = $1::uuid)
  ORDER BY h.id`;

interface Deps {
  readonly database: Database;
  readonly bus: ControllerBus;
  readonly key: GrantSigner;
  readonly simulation: boolean;
  readonly exceptions: Pick<Exceptions, 'revoke'>;
  readonly plans: PlanEnds;
  readonly rollouts: Pick<RolloutEngine, 'create' | 'openPending'>;
}

export function hostsNamedBy(tx: Tx, exceptionId: string): Promise<readonly CoveredHost[]> {
  return tx.$queryRawUnsafe<CoveredHost[]>(NAMED, exceptionId);
}

export class KeyRetirement {
  private readonly grants: GrantWriter;

  constructor(private readonly deps: Deps) {
    this.grants = new GrantWriter(deps.database, deps.key, deps.simulation);
  }

  /** `mayExpire` = the clock is trusted: else nobody's time to sign again has run out. */
  async sweepOnce(now: Date, mayExpire = true): Promise<void> {
    const { database, key, exceptions } = this.deps;
    const retired = (key.retirements ?? []).map(({ keyId }) => keyId);
    if (retired.length === 0) return;
    const distrusted = await database.look<{ id: string }>(DISTRUSTED, retired, now);
    await eachApart(
      distrusted,
      ({ id }) => id,
      ({ id }) => this.distrust(id, retired, now),
    );
    if (!mayExpire) return;
    const unsigned = await database.look<{ id: string }>(
      UNSIGNED,
      new Date(now.getTime() - SIGN_AGAIN_DAYS * DAY_MS),
      now,
    );
    const why = `The key that signed its grants was retired, and nobody signed it again within ${SIGN_AGAIN_DAYS} days.`;
    await eachApart(
      unsigned,
      ({ id }) => id,
      ({ id }) => exceptions.revoke(id, ACTOR, why),
    );
  }

  /** New grants by the present key, for the Macs that the old ones named and that the approver was shown. */
  async signAgain(id: string, { by, hostsDigest, confirmHighQuota, now }: Approval): Promise<void> {
    const { database, rollouts } = this.deps;
    await changeStanding(database, async (tx) => {
      const exception = await lockException(tx, id);
      const state = exceptionState(exception, now);
      if (state !== 'needs_signature')
        throw new Problem('CONFLICT', `The exception is ${state}: it needs no new signature.`);
      const commonMaker = exception.approvals === 'four-eyes' ? await requireApart(tx, exception, by) : null;
      const revision = await tx.policyRevision.findUniqueOrThrow({ where: { id: exception.policyRevisionId } });
      const quotaMax = exception.quotaMax ?? revision.quota;
      confirmQuota(quotaMax, confirmHighQuota);
      const hosts = await hostsNamedBy(tx, id);
      if (hosts.length === 0)
        throw new Problem('SELECTOR_EMPTY', 'None of the Macs that it named is left: nothing to sign.');
      requireShown({ exceptionId: id, digest: hostsDigest, askedHostIds: exception.askedHostIds }, hosts);
      const relying = await relyingOn(tx, id);
      const grants = await this.grants.write(tx, {
        exceptionId: id,
        hardwareUuids: hosts.map(({ hardwareUuid }) => hardwareUuid),
        quotaMax,
        shownTextSha256: exception.shownTextSha256,
        extraArgs: [...revision.extraArgs, ...exception.keepArgs],
        expiresAt: exception.expiresAt,
        approver: by.name,
        purpose: exception.purpose,
        now,
      });
      const signed = { approver: by.name, approvedAt: now, keyRetiredAt: null, commonMaker };
      await tx.riskException.update({ where: { id }, data: signed });
      const title = `The exception "${exception.purpose}" was signed again: these Macs rely on its new grants.`;
      const order = { revisionId: revision.id, actor: by.name, now, title, strategy: AT_ONCE };
      if (relying.length > 0) await rollouts.create(tx, { ...order, hostIds: relying });
      const before = { approver: exception.approver, keyRetiredAt: exception.keyRetiredAt?.toISOString() ?? null };
      const after = { approver: by.name, grants: [...grants], hosts: hosts.map((host) => host.id) };
      await this.audit(tx, id, { actor: by.name, action: 'exception.sign_again', before, after, at: now });
      const data = { exceptionId: id, actor: by.name, expiresAt: exception.expiresAt, hosts: hosts.length };
      await tellWebhooks(tx, [{ siteId: database.siteId, at: now, type: 'exception.approved', data }]);
    });
    await rollouts.openPending(now);
  }

  private async distrust(id: string, retired: readonly string[], now: Date): Promise<void> {
    const { database, bus, plans } = this.deps;
    const { siteId } = database;
    const hostIds = await database.transaction(async (tx) => {
      const exception = await lockException(tx, id);
      if (exception.revokedAt !== null) return [];
      await lockNamed(tx, id);
      const signed = { exceptionId: id, revokedAt: null, keyId: { in: [...retired] } };
      await tx.grant.updateMany({ where: signed, data: { revokedAt: now } });
      await tx.riskException.update({ where: { id }, data: { keyRetiredAt: now } });
      const end = {
        reason: 'the key that signed its grant was retired',
        event: 'exception.needs_signature',
      } as const;
      const hosts = await endRelyingWork(tx, { exceptionId: id, siteId, actor: ACTOR, now, ...end }, plans);
      const after = { state: 'needs_signature', hosts: hosts.length };
      await this.audit(tx, id, {
        actor: ACTOR,
        action: 'exception.distrust',
        before: { state: 'valid' },
        after,
        at: now,
      });
      const until = new Date(now.getTime() + SIGN_AGAIN_DAYS * DAY_MS);
      const data = { exceptionId: id, actor: ACTOR, expiresAt: exception.expiresAt, until, hosts: hosts.length };
      await tellWebhooks(tx, [{ siteId, at: now, type: 'exception.needs_signature', data }]);
      return hosts;
    });
    tellRelying(bus, hostIds);
  }

  private audit(
    tx: Tx,
    entityId: string,
    entry: Omit<Parameters<typeof writeAudit>[1], 'entity' | 'entityId' | 'siteId'>,
  ) {
    return writeAudit(tx, { ...entry, entity: 'exception', entityId, siteId: this.deps.database.siteId });
  }
}
