/**
 * The end of a host: its certificates are revoked, its work ends, and no selector means it any more. Its history stays. A Mac that may
 * still be raised is not retired: it is led back first, and retired once its facts prove stock and nothing of Headroom is left on it.
 * One that is dead or stolen is forgotten, which proves nothing and is shown as just that.
 */
import type { HostState } from '@headroom/core';
import type { HostCertificates } from '../agents/host-certificates.ts';
import { lockHost } from '../agents/host-lock.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { writeHostEvent } from '../db/host-events.ts';
import { changeStanding } from '../db/lock-order.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { withdrawVisit } from '../visits/withdraw-visit.ts';
import { obstacleToRetire } from './retire-obstacle.ts';

const ACTOR = 'system:hosts';
/** Why its targets and its work ended, by how it left the fleet. */
export const LEFT_FLEET = { retired: 'the Mac was retired', forgotten: 'the Mac was forgotten' } as const;
const NOT_ASKED = { retireAskedAt: null, retireAskedBy: null, retireReason: null, retireRolloutId: null };

interface Asked {
  readonly hostId: string;
  readonly askedBy: string | null;
  readonly reason: string | null;
}

const ASKED = `
  SELECT h.id::text AS "hostId", h.retire_asked_by AS "askedBy", h.retire_reason AS reason
  FROM host h JOIN intent i ON i.host_id = h.id JOIN host_state s ON s.host_id = h.id
  WHERE h.retire_asked_at IS NOT NULL AND h.retired_at IS NULL`;

/** Evaluated since its intent was set, at stock, and nothing left to do: the agent has removed what Headroom placed. */
const LED_BACK = `${ASKED}
  AND i.rollout_id = h.retire_rollout_id AND s.state IN ('reverted', 'not_started', 'unsupported')
  AND s.due_at IS NULL AND s.evaluated_at >= i.set_at AND s.waits_for IS NULL
  AND NOT EXISTS (SELECT 1 FROM plan p WHERE p.host_id = h.id AND p.state = 'open')
  ORDER BY h.id`;

const NOT_LED_BACK = `${ASKED}
  AND i.rollout_id IS DISTINCT FROM h.retire_rollout_id AND NOT EXISTS (
    SELECT 1 FROM rollout_target t WHERE t.rollout_id = h.retire_rollout_id AND t.host_id = h.id AND t.state IN ('pending', 'opened'))
  ORDER BY h.id`;

export interface HostOrder {
  readonly hostId: string;
  readonly reason: string;
  readonly actor: string;
  readonly now: Date;
}

export class HostEnds {
  constructor(
    private readonly database: Database,
    private readonly certificates: HostCertificates,
    private readonly jobs: Pick<JobStore, 'cancelOpen'>,
    private readonly bus: ControllerBus,
    private readonly rollouts: Pick<RolloutEngine, 'create' | 'lockTargets' | 'openPending'>,
  ) {}

  /** At once when nothing of a raise can be in force; else refused, or led back first. Returns the rollout that leads it back. */
  async retire(order: HostOrder, revertFirst: boolean): Promise<string | null> {
    const { hostId, now } = order;
    const work = async (tx: Tx) => {
      const state = await this.lock(tx, hostId);
      const obstacle = await obstacleToRetire(tx, hostId, state);
      if (obstacle === null) return { serials: await this.end(tx, order, 'retired', state), rolloutId: null };
      if (!revertFirst) throw new Problem('HOST_MAY_BE_RAISED', obstacle, { state });
      return { serials: null, rolloutId: await this.leadBack(tx, order, state) };
    };
    const done = revertFirst ? await changeStanding(this.database, work) : await this.database.transaction(work);
    if (done.serials !== null) this.cut(hostId, done.serials);
    else await this.rollouts.openPending(now);
    return done.rolloutId;
  }

  /** For a Mac that is dead or stolen: nothing is proven of it, and its boot policy stays as it is. */
  async forget(order: HostOrder): Promise<void> {
    const serials = await this.database.transaction(async (tx) =>
      this.end(tx, order, 'forgotten', await this.lock(tx, order.hostId)),
    );
    this.cut(order.hostId, serials);
  }

  /** Retires what was led back for it. A newer intent, or a rollout that lost the Mac, ends the wish to retire it. */
  async sweepOnce(now: Date): Promise<void> {
    const dropped = await this.database.look<Asked>(NOT_LED_BACK);
    const ledBack = await this.database.look<Asked>(LED_BACK);
    const work = [
      ...dropped.map((one) => ({ one, run: () => this.database.transaction((tx) => this.drop(tx, one, now)) })),
      ...ledBack.map((one) => ({ one, run: () => this.retireLedBack(one, now) })),
    ];
    await eachApart(
      work,
      ({ one }) => one.hostId,
      ({ run }) => run(),
    );
  }

  private async retireLedBack({ hostId, askedBy, reason }: Asked, now: Date): Promise<void> {
    const order = { hostId, reason: reason ?? '', actor: askedBy ?? ACTOR, now };
    const serials = await this.database.transaction(async (tx) => {
      const state = await this.lock(tx, hostId);
      return (await obstacleToRetire(tx, hostId, state)) === null ? this.end(tx, order, 'retired', state) : [];
    });
    this.cut(hostId, serials);
  }

  private async end(
    tx: Tx,
    order: HostOrder,
    kind: keyof typeof LEFT_FLEET,
    state: HostState,
  ): Promise<readonly string[]> {
    const { hostId, reason, actor, now: at } = order;
    const revoked = await this.certificates.revokeAll(tx, { hostId, actor, reason });
    await this.endWork(tx, order, kind);
    const ended = { retiredAt: at, endReason: reason, ...(kind === 'forgotten' && { forgottenAt: at }) };
    await tx.host.update({ where: { id: hostId }, data: { ...ended, ...NOT_ASKED } });
    await this.tell(tx, order, kind === 'retired' ? 'retire' : 'forget', { kind, detail: { reason, state } });
    return revoked;
  }

  private async leadBack(tx: Tx, order: HostOrder, state: HostState): Promise<string> {
    const { hostId, reason, actor, now } = order;
    const title = `Back to stock, then retired: ${reason}`;
    const { id } = await this.rollouts.create(tx, { revisionId: null, hostIds: [hostId], actor, now, title });
    const asked = { retireAskedAt: now, retireAskedBy: actor, retireReason: reason, retireRolloutId: id };
    await tx.host.update({ where: { id: hostId }, data: asked });
    await this.tell(tx, order, 'retire_asked', { kind: 'retire_asked', detail: { reason, state, rolloutId: id } });
    return id;
  }

  private async drop(tx: Tx, { hostId, reason }: Asked, now: Date): Promise<void> {
    await this.lock(tx, hostId);
    await tx.host.update({ where: { id: hostId }, data: NOT_ASKED });
    const why = 'Something else is wanted of the Mac since.';
    const order = { hostId, reason: reason ?? '', actor: ACTOR, now };
    await this.tell(tx, order, 'retire_dropped', { kind: 'retire_dropped', detail: { reason: why } });
  }

  private async tell(
    tx: Tx,
    { hostId, actor, now: at }: HostOrder,
    action: string,
    { kind, detail }: { readonly kind: string; readonly detail: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { siteId } = this.database;
    await writeHostEvent(tx, { siteId, hostId, at, kind, detail });
    const change = { entity: 'host', entityId: hostId, after: detail, at, siteId };
    await writeAudit(tx, { actor, action: `host.${action}`, ...change });
  }

  /** Revokes every certificate of a host: its agent is cut off at once, and has to enrol again. */
  async revokeCertificates({ hostId, reason, actor }: HostOrder): Promise<readonly string[]> {
    const serials = await this.database.transaction(async (tx) => {
      await this.lock(tx, hostId);
      return this.certificates.revokeAll(tx, { hostId, actor, reason });
    });
    this.cut(hostId, serials);
    return serials;
  }

  private async lock(tx: Tx, hostId: string): Promise<HostState> {
    await lockHost(tx, hostId);
    await tx.$queryRaw`SELECT 1 FROM host WHERE id = ${hostId}::uuid FOR NO KEY UPDATE`;
    const host = await tx.host.findFirst({ where: { id: hostId, retiredAt: null }, include: { state: true } });
    if (host === null) throw new Problem('NOT_FOUND', `There is no host ${hostId}.`);
    return (host.state?.state ?? 'no_facts') as HostState;
  }

  private async endWork(tx: Tx, { hostId, actor, now }: HostOrder, kind: keyof typeof LEFT_FLEET): Promise<void> {
    const reason = LEFT_FLEET[kind];
    for (const lane of ['plan', 'care'] as const) await this.jobs.cancelOpen(tx, { hostId, lane, actor, reason });
    await tx.plan.updateMany({ where: { hostId, state: 'open' }, data: { state: 'superseded', endedAt: now } });
    await withdrawVisit(tx, { hostId, reason, actor, now, siteId: this.database.siteId });
    await this.rollouts.lockTargets(tx, [hostId]);
    await tx.rolloutTarget.updateMany({
      where: { hostId, state: { in: ['pending', 'opened'] } },
      // Its rollout did not fail by it.
      data: { state: 'skipped', reason, endedAt: now, notedAt: now },
    });
  }

  private cut(hostId: string, serials: readonly string[]): void {
    this.certificates.announce(serials);
    // Its streams may be on another controller.
    this.bus.publish({ kind: 'session', hostId });
    this.bus.publish({ kind: 'changed', hostId });
  }
}
