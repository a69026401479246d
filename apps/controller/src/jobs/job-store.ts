/**
 * Jobs: a job row is the job. Leases are handed out and taken back here; the end of a job is told by `FinishJob`.
 * One job is open per host and lane, which a partial unique index holds.
 */
import type { JobKind } from '@headroom/core';
import { writeHostEvents } from '../audit/write-many.ts';
import { ControllerBus } from '../bus/bus.ts';
import { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { ControllerConfig } from '../config/config.ts';
import { CallBatch, type CallResult } from '../db/call-batch.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';
import { JOBS_ACTOR, nextOf, statesTaking } from './job-life.ts';
import { ANY_LAPSED, BACK_OFF_ENDED, HEARD, LAPSED, LEASE, RENEW, WORK_AVAILABLE } from './job-sql.ts';

export type Lane = 'plan' | 'care';

export interface OpenJobOrder {
  readonly hostId: string;
  /** Null in the care lane. */
  readonly planId: string | null;
  readonly lane: Lane;
  readonly stepIndex: number;
  readonly kind: JobKind;
}

export interface LeasedJob {
  readonly jobId: string;
  readonly kind: string;
  readonly leaseNumber: number;
  readonly stepIndex: number;
  /** Null in the care lane. */
  readonly generation: string | null;
  readonly bytes: Buffer | null;
  readonly signature: Buffer | null;
}

export interface RenewOrder {
  readonly hostId: string;
  readonly sessionNumber: bigint;
  readonly jobId: string;
  readonly leaseNumber: number;
  /** One line for people; empty keeps the last. */
  readonly progress: string;
}

export interface CancelOrder {
  readonly hostId: string;
  readonly lane: Lane;
  readonly actor: string;
  readonly reason: string;
}

/** A session of a host that asks for work. */
interface Asking {
  readonly hostId: string;
  readonly sessionNumber: bigint;
}

interface LapsedRow {
  readonly id: string;
  readonly hostId: string;
  readonly kind: string;
  readonly leaseNumber: number;
}

/** Rows locked in one transaction of the sweep. */
const SWEEP_BATCH = 200;

const BY_HOST = { keyOf: ({ hostId }: Asking) => hostId };

export class JobStore {
  private sweptAt: Date;
  private readonly leases = new CallBatch<Asking, LeasedJob | null>((asking) => this.leaseAll(asking), BY_HOST);
  private readonly looks = new CallBatch<Asking, boolean>((asking) => this.lookAll(asking), BY_HOST);

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly bus: ControllerBus,
    private readonly config: Pick<ControllerConfig, 'leaseTtlMs'>,
  ) {
    this.sweptAt = clock.now();
  }

  /** Opens a job in the caller's transaction. Refuses a second open one of the same lane. Publish `work` after commit. */
  async openJob(tx: Tx, { hostId, planId, lane, stepIndex, kind }: OpenJobOrder): Promise<string> {
    const { siteId } = this.database;
    const at = this.clock.now();
    const id = uuidv7(at.getTime());
    const inserted = await tx.$executeRaw`
      INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, created_at)
      VALUES (${id}::uuid, ${siteId}::uuid, ${hostId}::uuid, ${planId}::uuid, ${lane}, ${stepIndex}, ${kind}, 'queued', ${at})
      ON CONFLICT DO NOTHING`;
    if (inserted === 0) throw new Problem('CONFLICT', `host ${hostId} has an open job in the lane ${lane} already`);
    const after = { hostId, planId, lane, stepIndex, kind };
    await writeAudit(tx, { actor: JOBS_ACTOR, action: 'job.open', entity: 'job', entityId: id, after, at, siteId });
    return id;
  }

  /** Cancels the open job of a lane, if there is one, in the caller's transaction: its plan was replaced. */
  async cancelOpen(tx: Tx, { hostId, lane, actor, reason }: CancelOrder): Promise<string | null> {
    const { siteId } = this.database;
    const at = this.clock.now();
    const open = { hostId, lane, state: { in: statesTaking('cancel') } };
    const job = await tx.job.findFirst({ where: open, select: { id: true, state: true, kind: true } });
    if (job === null) return null;
    const { count } = await tx.job.updateMany({
      where: { ...open, id: job.id },
      data: { state: 'cancelled', finishedAt: at },
    });
    if (count === 0) return null;
    const detail = { jobId: job.id, kind: job.kind, reason };
    await writeAudit(tx, {
      actor,
      action: 'job.cancel',
      entity: 'job',
      entityId: job.id,
      before: { state: job.state },
      after: { state: 'cancelled', reason },
      at,
      siteId,
    });
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'step.cancelled', detail });
    return job.id;
  }

  /** Hands out the host's open job under its next lease number; null when there is nothing to do for this session. */
  lease(hostId: string, sessionNumber: bigint): Promise<LeasedJob | null> {
    return this.leases.add({ hostId, sessionNumber });
  }

  /** Keeps a lease; false when the job is no longer this session's. */
  async renew({ hostId, sessionNumber, jobId, leaseNumber, progress }: RenewOrder): Promise<boolean> {
    const now = this.clock.now();
    const { pool } = this.database;
    await pool.query(HEARD, [hostId, sessionNumber, now]);
    const values = [hostId, sessionNumber, this.leaseEnd(now), jobId, leaseNumber, progress, now];
    const { rows } = await pool.query<{ news: boolean }>(RENEW, values);
    if (rows[0]?.news === true) this.bus.publish({ kind: 'progress', hostId });
    return rows.length === 1;
  }

  /** Would `lease` hand something out now? */
  workAvailable(hostId: string, sessionNumber: bigint): Promise<boolean> {
    return this.looks.add({ hostId, sessionNumber });
  }

  /** Takes back lapsed leases, at no cost of an attempt, and wakes agents whose back-off ended. Call it from the plain timer. */
  async sweep(): Promise<number> {
    const now = this.clock.now();
    let total = 0;
    while ((await this.database.look(ANY_LAPSED, now)).length > 0) {
      const lapsed = await this.database.transaction((tx) => this.takeBack(tx, now));
      for (const { hostId } of lapsed) this.bus.publish({ kind: 'work', hostId });
      total += lapsed.length;
      if (lapsed.length < SWEEP_BATCH) break;
    }
    const { rows } = await this.database.pool.query<{ hostId: string }>(BACK_OFF_ENDED, [this.sweptAt, now]);
    for (const { hostId } of rows) this.bus.publish({ kind: 'work', hostId });
    this.sweptAt = now;
    return total;
  }

  private async leaseAll(asking: readonly Asking[]): Promise<readonly CallResult<LeasedJob | null>[]> {
    const now = this.clock.now();
    const ids = () => asking.map(() => uuidv7(now.getTime()));
    const values = [...columnsOf(asking), now, this.leaseEnd(now), ids(), ids()];
    const { rows } = await this.database.pool.query<LeasedJob & { readonly hostId: string }>({ ...LEASE, values });
    const leased = new Map(rows.map(({ hostId, ...job }) => [hostId, job]));
    return asking.map(({ hostId }) => ({ reply: leased.get(hostId) ?? null }));
  }

  private async lookAll(asking: readonly Asking[]): Promise<readonly CallResult<boolean>[]> {
    const values = [...columnsOf(asking), this.clock.now()];
    const { rows } = await this.database.pool.query<{ hostId: string }>({ ...WORK_AVAILABLE, values });
    const hosts = new Set(rows.map(({ hostId }) => hostId));
    return asking.map(({ hostId }) => ({ reply: hosts.has(hostId) }));
  }

  private async takeBack(tx: Tx, at: Date): Promise<readonly LapsedRow[]> {
    const { siteId } = this.database;
    const lapsed = await tx.$queryRawUnsafe<LapsedRow[]>(LAPSED, at, SWEEP_BATCH);
    const ids = lapsed.map(({ id }) => id);
    if (ids.length === 0) return [];
    const next = nextOf('leased', 'lapse')?.next ?? 'queued';
    await tx.job.updateMany({ where: { id: { in: ids } }, data: { state: next, leaseExpiresAt: null } });
    await writeHostEvents(
      tx,
      lapsed.map(({ id: jobId, hostId, kind, leaseNumber }) => ({
        siteId,
        hostId,
        at,
        kind: 'step.lapsed',
        detail: { jobId, kind, leaseNumber },
      })),
    );
    await tx.audit.createMany({
      data: lapsed.map(({ id: entityId, leaseNumber }) => ({
        id: uuidv7(at.getTime()),
        siteId,
        at,
        actor: JOBS_ACTOR,
        action: 'job.lapse',
        entity: 'job',
        entityId,
        after: { state: next, leaseNumber },
      })),
    });
    return lapsed;
  }

  private leaseEnd(now: Date): Date {
    return new Date(now.getTime() + this.config.leaseTtlMs);
  }
}

function columnsOf(asking: readonly Asking[]) {
  return [asking.map(({ hostId }) => hostId), asking.map(({ sessionNumber }) => sessionNumber)];
}
