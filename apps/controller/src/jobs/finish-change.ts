/** What a finish changes: job, plan, the plan's next job, with audit and timeline. Decides from rows that are locked; no IO. */
import { JOB_KINDS, type JobKind, transientDelayMs } from '@headroom/core';
import type { FinishRequest } from '@headroom/proto';
import { type HostChanges, NO_CHANGES } from '../agents/host-changes.ts';
import { uuidv7 } from '../common/ids.ts';
import { type JobEnd, readJobEnd } from './finish-report.ts';
import type { JobToFinish } from './finish-sql.ts';
import { JOBS_ACTOR, type JobCell, type JobEffect, type JobState, nextOf, OPEN_STATES } from './job-life.ts';

export type FinishRefusal = 'FINISH_STALE_LEASE' | 'FINISH_OLD_GENERATION' | 'FINISH_UNKNOWN_JOB';

/** Why this finish does not count; null when it does. */
export function refusalOf(job: JobToFinish, request: FinishRequest): FinishRefusal | null {
  const generation = job.generation === null ? null : BigInt(job.generation);
  if (generation !== null && (job.newestGeneration !== job.generation || request.generation !== generation))
    return 'FINISH_OLD_GENERATION';
  if (!OPEN_STATES.includes(job.state)) return 'FINISH_UNKNOWN_JOB';
  if (job.leaseSession === null || request.leaseNumber !== job.leaseNumber) return 'FINISH_STALE_LEASE';
  return null;
}

export function finishChange(job: JobToFinish, request: FinishRequest, at: Date): HostChanges {
  const end = readJobEnd(request, job);
  const cell = nextOf(job.state, end.event);
  if (cell === null) throw new Error(`job ${job.id}: ${end.event} cannot happen in state ${job.state}`);
  const rest = planChange(job, cell, at);
  return {
    ...NO_CHANGES,
    ...rest,
    due: [job.hostId],
    closed: [closedJob(job, end, cell, at)],
    events: [eventOf(job, end, cell), ...rest.events],
    audits: [...rest.audits, auditOf(job, end, cell)],
  };
}

function closedJob(job: JobToFinish, { result, errorCode, errorDetail }: JobEnd, { next, effect }: JobCell, at: Date) {
  const waits = effect === 'wait';
  const attempts = job.attempts + (waits || next === 'dead' ? 1 : 0);
  const notBefore = waits ? new Date(at.getTime() + transientDelayMs(attempts)) : null;
  return { id: job.id, state: next, attempts, errorCode, errorDetail, result, notBefore };
}

const PLAN_EFFECTS: readonly JobEffect[] = ['step_on', 'end_plan', 'stop_plan'];

type PlanChange = Pick<HostChanges, 'opened' | 'endedPlans' | 'events' | 'audits'>;

/** The plan's next step is opened, or the plan ends. */
function planChange(job: JobToFinish, { next: state, effect }: JobCell, at: Date): PlanChange {
  const { hostId, planId, lane, stepIndex } = job;
  if (planId === null || !PLAN_EFFECTS.includes(effect)) return { opened: [], endedPlans: [], events: [], audits: [] };
  const next = state === 'succeeded' ? stepKind(job, stepIndex + 1) : null;
  if (state === 'succeeded' && next === null) return planEnd(job, planId, 'done');
  const kind = effect === 'step_on' ? next : null;
  if (kind === null) return planEnd(job, planId, effect === 'stop_plan' ? 'cancelled' : 'failed');
  const after = { hostId, planId, lane, stepIndex: stepIndex + 1, kind };
  const id = uuidv7(at.getTime());
  return {
    opened: [{ id, ...after }],
    endedPlans: [],
    events: [{ hostId, kind: 'step.opened', detail: { jobId: id, kind, stepIndex: after.stepIndex } }],
    audits: [{ actor: JOBS_ACTOR, action: 'job.open', entity: 'job', entityId: id, after }],
  };
}

function planEnd(
  { hostId, generation }: JobToFinish,
  planId: string,
  state: 'done' | 'failed' | 'cancelled',
): PlanChange {
  const kind = `plan.${state}`;
  return {
    opened: [],
    endedPlans: [{ id: planId, state }],
    events: [{ hostId, kind, detail: { planId, generation: generation ?? '' } }],
    audits: [
      {
        actor: JOBS_ACTOR,
        action: kind,
        entity: 'plan',
        entityId: planId,
        before: { state: 'open' },
        after: { state },
      },
    ],
  };
}

const END_WORDS: Readonly<Partial<Record<JobState, string>>> = {
  succeeded: 'step.finished',
  cancelled: 'step.cancelled',
};

function eventOf(job: JobToFinish, { errorCode, errorDetail }: JobEnd, { next: state, effect }: JobCell) {
  const { hostId, id: jobId, kind, stepIndex } = job;
  const word = effect === 'wait' ? 'step.retry' : (END_WORDS[state] ?? 'step.failed');
  return { hostId, kind: word, detail: { jobId, kind, stepIndex, state, errorCode, errorDetail } };
}

function auditOf(job: JobToFinish, { event, errorCode, errorDetail }: JobEnd, { next: state }: JobCell) {
  const { hostId, id: entityId, leaseNumber } = job;
  const after = { state, leaseNumber, errorCode, errorDetail };
  const before = { state: job.state };
  return { actor: `host:${hostId}`, action: `job.${event}`, entity: 'job', entityId, before, after };
}

/** The kind of a step of the plan as stored; null when the plan has no such step. */
function stepKind(job: JobToFinish, index: number): JobKind | null {
  const plan = JSON.parse(Buffer.from(job.bytes ?? []).toString('utf8')) as { steps?: { kind?: string }[] };
  const kind = plan.steps?.[index]?.kind;
  if (kind === undefined) return null;
  const known = JOB_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Error(`plan ${job.planId}: step ${index} has the unknown kind ${kind}`);
  return known;
}
