import { writeAudits } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { flipIntents } from './intent-flip.ts';
import { FINISH_ENDED, LOCK_STATES, LOCK_TARGETS, NOTE_TARGETS, PENDING_TARGETS } from './rollout-sql.ts';
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
      const { siteId } = this.database;
      const hostIds = pending.map(({ hostId }) => hostId);
      return flipIntents(tx, { siteId, rolloutId, revisionId, hostIds, now });
    });
    for (const hostId of flipped ?? []) this.bus.publish({ kind: 'due', hostId });
    return flipped !== null;
  }
}
