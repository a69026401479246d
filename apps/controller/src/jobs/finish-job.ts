/**
 * The end of a job, in one transaction: result and the facts read after the step are stored, the job is closed, and the
 * plan's next step is opened or the plan ends. One finish of a job is recorded; whatever else arrives is declined, harmlessly.
 */
import { JOB_KINDS, type JobKind } from '@headroom/core';
import type { FinishRequest } from '@headroom/proto';
import { type ReceivedFacts, readFacts } from '../agents/facts-input.ts';
import { type LockedReport, lockHost } from '../agents/host-lock.ts';
import { type Position, ReportStore } from '../agents/report-store.ts';
import { ControllerBus } from '../bus/bus.ts';
import { Clock } from '../common/clock.ts';
import { isUuid } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';
import { backOffMs } from './back-off.ts';
import { type JobEnd, readJobEnd } from './finish-report.ts';
import { type JobCell, type JobEffect, type JobState, nextOf, OPEN_STATES } from './job-life.ts';
import { JobStore, type Lane } from './job-store.ts';

export type FinishRefusal = 'FINISH_STALE_LEASE' | 'FINISH_OLD_GENERATION' | 'FINISH_UNKNOWN_JOB';
export type FinishResult = { readonly accepted: true } | { readonly accepted: false; readonly code: FinishRefusal };

/** The Mac that reports, as its certificate says. */
export interface FinishingHost {
  readonly hostId: string;
  readonly hardwareUuid: string;
}

interface JobRow {
  readonly id: string;
  readonly lane: Lane;
  readonly kind: string;
  readonly state: JobState;
  readonly stepIndex: number;
  readonly attempts: number;
  readonly leaseNumber: number;
  readonly leaseSession: bigint | null;
  readonly planId: string | null;
  readonly generation: bigint | null;
  readonly newestGeneration: bigint | null;
  readonly bytes: Uint8Array | null;
}

export class FinishJob {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly bus: ControllerBus,
    private readonly jobs: JobStore,
    private readonly reports: ReportStore,
  ) {}

  /** Throws only for requests that no agent of ours sends (and SESSION_FENCED); old news is declined with a code. */
  async finish(host: FinishingHost, position: Position, request: FinishRequest): Promise<FinishResult> {
    const facts = request.factsJson.length === 0 ? null : readFacts(request.factsJson, host.hardwareUuid);
    const result = await this.database.transaction(async (tx) => {
      const report = await lockHost(tx, host.hostId);
      if (report === null) throw new Problem('HOST_UNKNOWN', `host ${host.hostId} is not enrolled`);
      if (report.sessionNumber !== position.sessionNumber) throw fenced(report, position);
      const job = isUuid(request.jobId) ? await lockJob(tx, host.hostId, request.jobId) : null;
      const refusal = refusalOf(job, request);
      if (job === null || refusal !== null) return decline(refusal ?? 'FINISH_UNKNOWN_JOB');
      await this.storeReport(tx, report, position, facts);
      await this.close(tx, host.hostId, job, readJobEnd(request, job.attempts));
      return { accepted: true } as const;
    });
    if (result.accepted) this.bus.publish({ kind: 'due', hostId: host.hostId });
    return result;
  }

  private async storeReport(
    tx: Tx,
    report: LockedReport,
    position: Position,
    facts: ReceivedFacts | null,
  ): Promise<void> {
    const isNewer = await this.reports.advance(tx, report, position);
    if (isNewer && facts !== null) await this.reports.storeFacts(tx, report, facts);
  }

  private async close(tx: Tx, hostId: string, job: JobRow, end: JobEnd): Promise<void> {
    const cell = nextOf(job.state, end.event);
    if (cell === null) throw new Error(`job ${job.id}: ${end.event} cannot happen in state ${job.state}`);
    const at = this.clock.now();
    await tx.job.update({ where: { id: job.id }, data: this.rowAfter(job, end, cell, at) });
    await this.applyEffect(tx, hostId, job, cell.effect, at);
    await markDue(tx, [hostId], at);
    await this.record(tx, hostId, job, end, cell, at);
  }

  /** `leaseSession` is cleared when a job waits to be tried again: a repeat of the same finish is then a stale one. */
  private rowAfter(job: JobRow, { result, errorCode, errorDetail }: JobEnd, { next, effect }: JobCell, at: Date) {
    const attempts = job.attempts + (effect === 'wait' || next === 'dead' ? 1 : 0);
    const waits = effect === 'wait';
    return {
      state: next,
      attempts,
      errorCode,
      errorDetail,
      leaseExpiresAt: null,
      ...(result !== null && { result }),
      ...(waits ? { leaseSession: null, notBefore: new Date(at.getTime() + backOffMs(attempts)) } : { finishedAt: at }),
    };
  }

  private async applyEffect(tx: Tx, hostId: string, job: JobRow, effect: JobEffect, at: Date): Promise<void> {
    const { planId, lane, stepIndex } = job;
    if (planId === null || (effect !== 'step_on' && effect !== 'end_plan')) return;
    const next = effect === 'step_on' ? stepKind(job, stepIndex + 1) : null;
    if (next !== null) {
      await this.jobs.openJob(tx, { hostId, planId, lane, stepIndex: stepIndex + 1, kind: next });
      return;
    }
    const state = effect === 'step_on' ? 'done' : 'failed';
    await tx.plan.update({ where: { id: planId }, data: { state, endedAt: at } });
    const { siteId } = this.database;
    const generation = String(job.generation ?? '');
    await writeHostEvent(tx, { siteId, hostId, at, kind: `plan.${state}`, detail: { planId, generation } });
    await writeAudit(tx, {
      actor: 'system:jobs',
      action: `plan.${state}`,
      entity: 'plan',
      entityId: planId,
      before: { state: 'open' },
      after: { state },
      at,
      siteId,
    });
  }

  private async record(tx: Tx, hostId: string, job: JobRow, end: JobEnd, cell: JobCell, at: Date): Promise<void> {
    const { siteId } = this.database;
    const { errorCode, errorDetail } = end;
    const after = { state: cell.next, leaseNumber: job.leaseNumber, errorCode, errorDetail };
    const kind = cell.effect === 'wait' ? 'step.retry' : cell.next === 'succeeded' ? 'step.finished' : 'step.failed';
    const detail = {
      jobId: job.id,
      kind: job.kind,
      stepIndex: job.stepIndex,
      state: cell.next,
      errorCode,
      errorDetail,
    };
    await writeHostEvent(tx, { siteId, hostId, at, kind, detail });
    await writeAudit(tx, {
      actor: `host:${hostId}`,
      action: `job.${end.event}`,
      entity: 'job',
      entityId: job.id,
      before: { state: job.state },
      after,
      at,
      siteId,
    });
  }
}

async function lockJob(tx: Tx, hostId: string, jobId: string): Promise<JobRow | null> {
  const [row] = await tx.$queryRaw<JobRow[]>`
    SELECT j.id, j.lane, j.kind, j.state, j.step_index AS "stepIndex", j.attempts, j.lease_number AS "leaseNumber",
      j.lease_session AS "leaseSession", j.plan_id AS "planId", p.generation, p.bytes,
      (SELECT max(generation) FROM plan WHERE host_id = j.host_id) AS "newestGeneration"
    FROM job j LEFT JOIN plan p ON p.id = j.plan_id
    WHERE j.id = ${jobId}::uuid AND j.host_id = ${hostId}::uuid FOR UPDATE OF j`;
  return row ?? null;
}

/** Why this finish does not count; null when it does. */
function refusalOf(job: JobRow | null, request: FinishRequest): FinishRefusal | null {
  if (job === null) return 'FINISH_UNKNOWN_JOB';
  if (job.generation !== null && (job.newestGeneration !== job.generation || request.generation !== job.generation))
    return 'FINISH_OLD_GENERATION';
  if (!OPEN_STATES.includes(job.state)) return 'FINISH_UNKNOWN_JOB';
  if (job.leaseSession === null || request.leaseNumber !== job.leaseNumber) return 'FINISH_STALE_LEASE';
  return null;
}

function decline(code: FinishRefusal): FinishResult {
  return { accepted: false, code };
}

/** The kind of a step of the plan as stored; null when the plan has no such step. */
function stepKind(job: JobRow, index: number): JobKind | null {
  const plan = JSON.parse(Buffer.from(job.bytes ?? []).toString('utf8')) as { steps?: { kind?: string }[] };
  const kind = plan.steps?.[index]?.kind;
  if (kind === undefined) return null;
  const known = JOB_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Error(`plan ${job.planId}: step ${index} has the unknown kind ${kind}`);
  return known;
}

function fenced(report: LockedReport, position: Position): Problem {
  return new Problem('SESSION_FENCED', `expected session ${report.sessionNumber}, seen ${position.sessionNumber}`);
}
