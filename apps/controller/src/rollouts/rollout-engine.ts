import { QUOTA_STOCK } from '@headroom/core';
import { writeAudits, writeHostEvents } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { hostUuidsOf } from '../exceptions/grant-check.ts';
import {
  FINISH_ENDED,
  FLIP_INTENTS,
  LOCK_STATES,
  LOCK_TARGETS,
  NOTE_TARGETS,
  PENDING_TARGETS,
  SUPERSEDE_OLDER,
} from './rollout-sql.ts';
import { type TargetView, verdict } from './verdict.ts';

export interface NewRollout {
  readonly revisionId: string;
  readonly hostIds: readonly string[];
  readonly actor: string;
  readonly now: Date;
}

interface HostRow {
  readonly hostId: string;
}

/** The one writer of intents. A rollout is one ungated ring: it is open as soon as it exists. */
export class RolloutEngine {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  /** Writes the rollout and its targets in the caller's transaction. Intents flip in `openPending`, after commit. */
  async create(tx: Tx, { revisionId, hostIds, actor, now }: NewRollout): Promise<string> {
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    await tx.rollout.create({ data: { id, siteId, revisionId, state: 'running', createdBy: actor, createdAt: now } });
    await tx.rolloutTarget.createMany({
      data: hostIds.map((hostId) => ({ rolloutId: id, hostId, siteId, state: 'pending' })),
    });
    await writeAudit(tx, {
      actor,
      action: 'rollout.create',
      entity: 'rollout',
      entityId: id,
      after: { revisionId, targets: hostIds.length },
      at: now,
      siteId,
    });
    return id;
  }

  /** Flips what is still pending, in chunks of 200 hosts, each in its own transaction; resumes what a stop cut off. */
  async openPending(now: Date): Promise<void> {
    const running = await this.database.prisma.rollout.findMany({
      where: { state: 'running', targets: { some: { state: 'pending' } } },
      orderBy: { id: 'asc' },
    });
    for (const { id, revisionId } of running) {
      while (await this.openChunk(id, revisionId, now));
    }
    await this.finishEnded(now);
  }

  /** What evaluation found out about open targets, in the evaluator's transaction. */
  async note(tx: Tx, hosts: readonly TargetView[], now: Date): Promise<void> {
    const open = await tx.rolloutTarget.findMany({
      where: { hostId: { in: hosts.map(({ hostId }) => hostId) }, state: 'opened' },
    });
    const byHost = new Map(hosts.map((host) => [host.hostId, host]));
    const changed = open.flatMap(({ rolloutId, hostId, state, reason }) => {
      const host = byHost.get(hostId);
      // A target whose intent a newer rollout holds ends as superseded, in that rollout's flip.
      if (host === undefined || host.rolloutId !== rolloutId) return [];
      const next = verdict(host);
      if (next.state === state && next.reason === reason) return [];
      return [{ rollout_id: rolloutId, host_id: hostId, ...next }];
    });
    if (changed.length > 0) await tx.$executeRawUnsafe(NOTE_TARGETS, JSON.stringify(changed), now);
  }

  /** Ends rollouts that have nothing open any more. */
  async finishEnded(now: Date): Promise<void> {
    const { siteId } = this.database;
    await this.database.transaction(async (tx) => {
      const ended = await tx.$queryRawUnsafe<{ id: string; state: string }[]>(FINISH_ENDED, now);
      await writeAudits(
        tx,
        ended.map(({ id, state }) => ({
          actor: 'system:rollouts',
          action: 'rollout.end',
          entity: 'rollout',
          entityId: id,
          before: { state: 'running' },
          after: { state },
          at: now,
          siteId,
        })),
      );
    });
  }

  /** false when nothing was left to flip. */
  private async openChunk(rolloutId: string, revisionId: string, now: Date): Promise<boolean> {
    const flipped = await this.database.transaction(async (tx) => {
      const wanted = await tx.$queryRawUnsafe<HostRow[]>(PENDING_TARGETS, rolloutId);
      if (wanted.length === 0) return null;
      const ids = wanted.map(({ hostId }) => hostId);
      await tx.$queryRawUnsafe(LOCK_STATES, ids);
      const pending = await tx.$queryRawUnsafe<HostRow[]>(LOCK_TARGETS, rolloutId, ids);
      return this.flip(
        tx,
        rolloutId,
        revisionId,
        pending.map(({ hostId }) => hostId),
        now,
      );
    });
    for (const hostId of flipped ?? []) this.bus.publish({ kind: 'due', hostId });
    return flipped !== null;
  }

  private async flip(tx: Tx, rolloutId: string, revisionId: string, hostIds: readonly string[], now: Date) {
    const { siteId } = this.database;
    const revision = await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId } });
    const grants = revision.quota === QUOTA_STOCK ? null : await grantsOf(tx, revisionId, hostIds, now);
    const covered = hostIds.filter((hostId) => grants === null || grants.has(hostId));
    const uncovered = hostIds.filter((hostId) => !covered.includes(hostId));
    await tx.rolloutTarget.updateMany({
      where: { rolloutId, hostId: { in: uncovered } },
      data: { state: 'failed', reason: 'No valid grant names this Mac: approve an exception that does.', endedAt: now },
    });
    if (covered.length === 0) return [];
    const before = await tx.intent.findMany({ where: { hostId: { in: covered } } });
    const flips = covered.map((host_id) => ({ host_id, grant_id: grants?.get(host_id) ?? null }));
    const after = await tx.$queryRawUnsafe<{ hostId: string; number: number }[]>(
      FLIP_INTENTS,
      JSON.stringify(flips),
      siteId,
      revisionId,
      revision.quota,
      revision.extraArgs,
      rolloutId,
      now,
    );
    await tx.$executeRawUnsafe(
      SUPERSEDE_OLDER,
      covered,
      rolloutId,
      `The newer rollout ${rolloutId} set what is wanted of this Mac.`,
      now,
    );
    await tx.rolloutTarget.updateMany({
      where: { rolloutId, hostId: { in: covered } },
      data: { state: 'opened', openedAt: now },
    });
    await markDue(tx, covered, now);
    const was = new Map(before.map((intent) => [intent.hostId, intent]));
    await writeAudits(
      tx,
      after.map(({ hostId, number }) => ({
        actor: `rollout:${rolloutId}`,
        action: 'intent.set',
        entity: 'intent',
        entityId: hostId,
        before: { number: was.get(hostId)?.number ?? 0, quota: was.get(hostId)?.quota ?? QUOTA_STOCK },
        after: { number, quota: revision.quota, revisionId },
        at: now,
        siteId,
      })),
    );
    await writeHostEvents(
      tx,
      after.map(({ hostId, number }) => ({
        siteId,
        hostId,
        at: now,
        kind: 'intent',
        detail: { number, quota: revision.quota, rolloutId },
      })),
    );
    return covered;
  }
}

/** Newest valid grant of this revision for each host that one names. */
async function grantsOf(tx: Tx, revisionId: string, hostIds: readonly string[], now: Date) {
  const exceptions = await tx.riskException.findMany({ where: { policyRevisionId: revisionId }, select: { id: true } });
  const grants = await tx.grant.findMany({
    where: { exceptionId: { in: exceptions.map(({ id }) => id) }, revokedAt: null, expiresAt: { gt: now } },
    orderBy: { id: 'asc' },
  });
  const named = grants.map(({ id, payload }) => ({ id, hostUuids: hostUuidsOf(payload) }));
  const hosts = await tx.host.findMany({
    where: { id: { in: [...hostIds] } },
    select: { id: true, hardwareUuid: true },
  });
  const found = new Map<string, string>();
  for (const host of hosts) {
    const grant = named.findLast(({ hostUuids }) => hostUuids.has(host.hardwareUuid));
    if (grant !== undefined) found.set(host.id, grant.id);
  }
  return found;
}
