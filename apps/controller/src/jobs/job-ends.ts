/**
 * Ends of a job that its agent does not report: somebody cancels it, or it becomes too old. And the way on after a bad end: what it
 * was for is planned anew. Each is one transaction with its audit and its line in the timeline; a job's row is never opened again.
 */
import type { ErrorCode } from '@headroom/core';
import { lockHost } from '../agents/host-lock.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';
import { LET_GO, LOCK_JOB, TOO_OLD } from './job-end-sql.ts';
import { JOB_AGE_MS_MAX, JOBS_ACTOR, type JobCell, type JobEvent, nextOf } from './job-life.ts';
import { isReplayable, type JobRecord, whyNotReplayable } from './job-view.ts';

export interface JobOrder {
  readonly jobId: string;
  readonly actor: string;
  readonly now: Date;
}

const SWEEP_BATCH = 200;
const DAYS_MAX = JOB_AGE_MS_MAX / 86_400_000;

export class JobEnds {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
  ) {}

  /** A job that no Mac works on ends at once; else its Mac is asked to stop. Asking again changes nothing. */
  async cancel(order: JobOrder, reason: string): Promise<void> {
    await this.change(order.jobId, async (tx, job) => {
      if (job.state === 'cancelling') return;
      const cell = nextOf(job.state, 'ask');
      if (cell === null)
        throw new Problem('JOB_TOO_LATE', `The job ${job.id} on ${job.host} ended before, as ${job.state}.`, {
          state: job.state,
        });
      await this.apply(tx, job, { ...order, cell, event: 'ask', code: 'JOB_CANCELLED', reason });
    });
  }

  /** The plan that this job ended is forgotten, so that the next evaluation makes a new one, from the facts of then. */
  async replay({ jobId, actor, now }: JobOrder): Promise<void> {
    await this.change(jobId, async (tx, job) => {
      if (!isReplayable(job)) throw new Problem('JOB_NOT_REPLAYABLE', whyNotReplayable(job));
      await tx.plan.update({ where: { id: job.planId ?? '' }, data: { state: 'superseded' } });
      await this.tell(tx, job, {
        actor,
        now,
        action: 'job.replay',
        kind: 'step.replayed',
        after: { state: job.state, plan: 'superseded' },
      });
    });
  }

  /** For the plain timer: jobs that are too old. */
  expire(now: Date): Promise<number> {
    const madeBefore = new Date(now.getTime() - JOB_AGE_MS_MAX);
    const reason = `not done within ${DAYS_MAX} days`;
    return this.sweepAll(TOO_OLD, madeBefore, 'expire', { code: 'JOB_DEADLINE', reason });
  }

  /** For the plain timer: jobs whose Mac was asked to stop and is not heard of. */
  letGo(now: Date): Promise<number> {
    return this.sweepAll(LET_GO, now, 'let_go', { code: 'JOB_CANCELLED', reason: null });
  }

  /** Each at its own time: who watches is told of what is dated seconds back, and of nothing older. */
  private async sweepAll(sql: string, until: Date, event: JobEvent, end: Pick<End, 'code' | 'reason'>) {
    const { rows } = await this.database.pool.query<{ id: string }>(sql, [until, SWEEP_BATCH]);
    const ids = rows.map(({ id }) => id);
    await eachApart(ids, String, (id) =>
      this.change(id, async (tx, job) => {
        const cell = nextOf(job.state, event);
        // It ended meanwhile.
        if (cell === null) return;
        await this.apply(tx, job, { ...end, now: this.clock.now(), jobId: id, actor: JOBS_ACTOR, cell, event });
      }),
    );
    return rows.length;
  }

  private async change(jobId: string, work: (tx: Tx, job: JobRecord) => Promise<void>): Promise<void> {
    const hostId = await this.database.transaction(async (tx) => {
      const known = await tx.job.findUnique({ where: { id: jobId }, select: { hostId: true } });
      if (known === null) throw new Problem('NOT_FOUND', `There is no job ${jobId}.`);
      await lockHost(tx, known.hostId);
      const [job] = await tx.$queryRawUnsafe<JobRecord[]>(LOCK_JOB, jobId);
      if (job !== undefined) await work(tx, job);
      return known.hostId;
    });
    this.bus.publish({ kind: 'due', hostId });
  }

  private async apply(tx: Tx, job: JobRecord, end: End): Promise<void> {
    const { cell, code, reason, actor, now } = end;
    const isOver = cell.next !== 'cancelling';
    await tx.job.update({
      where: { id: job.id },
      data: {
        state: cell.next,
        ...(reason !== null && { cancelAskedAt: now, cancelAskedBy: actor, cancelReason: reason }),
        ...(isOver && { finishedAt: now, leaseExpiresAt: null }),
        ...(cell.next === 'dead' && { errorCode: code, errorDetail: reason }),
      },
    });
    const stops = { stop_plan: 'cancelled', end_plan: 'failed' } as const;
    const state = cell.effect === 'stop_plan' || cell.effect === 'end_plan' ? stops[cell.effect] : null;
    if (job.planId !== null && state !== null)
      await tx.plan.updateMany({ where: { id: job.planId, state: 'open' }, data: { state, endedAt: now } });
    const kind = isOver ? (cell.next === 'dead' ? 'step.failed' : 'step.cancelled') : 'step.cancel_asked';
    const why = reason ?? job.cancelReason;
    const after: Told['after'] = cell.next === 'dead' ? { errorCode: code, errorDetail: why } : { reason: why };
    await this.tell(tx, job, { actor, now, action: `job.${end.event}`, kind, after: { state: cell.next, ...after } });
  }

  private async tell(tx: Tx, job: JobRecord, { actor, now: at, action, kind, after }: Told): Promise<void> {
    const { siteId } = this.database;
    const { hostId, id: jobId, kind: step, stepIndex } = job;
    await writeHostEvent(tx, { siteId, hostId, at, kind, detail: { jobId, kind: step, stepIndex, actor, ...after } });
    const before = { state: job.state };
    await writeAudit(tx, { actor, action, entity: 'job', entityId: jobId, before, after, at, siteId });
    await markDue(tx, [hostId], at);
  }
}

interface End extends JobOrder {
  readonly cell: JobCell;
  readonly event: JobEvent;
  readonly code: ErrorCode;
  /** Null = as it was said when the Mac was asked to stop. */
  readonly reason: string | null;
}

interface Told {
  readonly actor: string;
  readonly now: Date;
  readonly action: string;
  readonly kind: string;
  readonly after: Readonly<Record<string, string | null>>;
}
