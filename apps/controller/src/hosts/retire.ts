/**
 * The end of a host: its certificates are revoked, its work ends, and no selector means it any more. Its history stays. A Mac
 * that may still be raised is retired only by somebody who says why.
 */
import type { HostState } from '@headroom/core';
import type { HostCertificates } from '../agents/host-certificates.ts';
import { lockHost } from '../agents/host-lock.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { withdrawVisit } from '../visits/withdraw-visit.ts';

/** States in which nothing of Headroom is in force, by evidence or because the Mac never came so far. */
const AT_STOCK: readonly HostState[] = [
  'no_facts',
  'unsupported',
  'not_started',
  'kdk_missing',
  'kdk_ready',
  'kc_staged',
  'ready_for_visit',
  'reverted',
];

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
  ) {}

  async retire(order: HostOrder, force: boolean): Promise<void> {
    const { hostId, reason, actor, now: at } = order;
    const { siteId } = this.database;
    const serials = await this.database.transaction(async (tx) => {
      const state = await this.lock(tx, hostId);
      if (!force && !AT_STOCK.includes(state))
        throw new Problem('HOST_MAY_BE_RAISED', `The host ${hostId} is in the state ${state}.`, { state });
      const revoked = await this.certificates.revokeAll(tx, { hostId, actor, reason });
      await this.endWork(tx, order);
      await tx.host.update({ where: { id: hostId }, data: { retiredAt: at } });
      const detail = { reason, force, state };
      await writeHostEvent(tx, { siteId, hostId, at, kind: 'retired', detail });
      const before = { state };
      await writeAudit(tx, {
        actor,
        action: 'host.retire',
        entity: 'host',
        entityId: hostId,
        before,
        after: detail,
        at,
        siteId,
      });
      return revoked;
    });
    this.cut(hostId, serials);
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
    const host = await tx.host.findFirst({ where: { id: hostId, retiredAt: null }, include: { state: true } });
    if (host === null) throw new Problem('NOT_FOUND', `There is no host ${hostId}.`);
    return (host.state?.state ?? 'no_facts') as HostState;
  }

  private async endWork(tx: Tx, { hostId, actor, now }: HostOrder): Promise<void> {
    const reason = 'the Mac was retired';
    for (const lane of ['plan', 'care'] as const) await this.jobs.cancelOpen(tx, { hostId, lane, actor, reason });
    await tx.plan.updateMany({ where: { hostId, state: 'open' }, data: { state: 'superseded', endedAt: now } });
    await withdrawVisit(tx, { hostId, reason, actor, now, siteId: this.database.siteId });
    await tx.rolloutTarget.updateMany({
      where: { hostId, state: { in: ['pending', 'opened'] } },
      data: { state: 'failed', reason, endedAt: now },
    });
  }

  private cut(hostId: string, serials: readonly string[]): void {
    this.certificates.announce(serials);
    // Its streams may be on another controller.
    this.bus.publish({ kind: 'session', hostId });
    this.bus.publish({ kind: 'changed', hostId });
  }
}
