import { describeError, isErrorCode } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import { BAD_ENDS, JOB_AGE_MS_MAX, JOB_STATES, type JobState, OPEN_STATES } from './job-life.ts';

/** A job with what is around it, as job-end-sql.ts reads it. */
export interface JobRecord {
  readonly id: string;
  readonly hostId: string;
  readonly host: string;
  readonly retiredAt: Date | null;
  readonly planId: string | null;
  readonly planState: string | null;
  readonly generation: string | null;
  readonly isNewest: boolean;
  /** The intent that the plan was made for, and the one that holds now. */
  readonly intentNumber: number | null;
  readonly intentNow: number;
  readonly lane: string;
  readonly stepIndex: number;
  readonly kind: string;
  readonly state: JobState;
  readonly leaseNumber: number;
  readonly leaseExpiresAt: Date | null;
  readonly attempts: number;
  readonly notBefore: Date | null;
  readonly progress: string | null;
  readonly result: unknown;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly cancelAskedAt: Date | null;
  readonly cancelAskedBy: string | null;
  readonly cancelReason: string | null;
}

export const jobView = z.object({
  id: z.uuid(),
  hostId: z.uuid(),
  host: z.string(),
  kind: z.string().describe('Kind of the step.'),
  lane: z.string().describe('`plan` = changes the Mac; `care` = only looks.'),
  state: z.enum(JOB_STATES).describe('`cancelling` = its Mac was asked to stop, and has not said that it did.'),
  waitsFor: z.string().nullable().describe('Null when it has ended.'),
  planId: z.uuid().nullable(),
  generation: z.number().int().nullable(),
  stepIndex: z.number().int(),
  leaseNumber: z.number().int().describe('How often it was handed out.'),
  leaseExpiresAt: isoDate.nullable(),
  attempts: z.number().int().describe('Tries that failed.'),
  notBefore: isoDate.nullable().describe('Waits until then after a failure.'),
  endsBy: isoDate.nullable().describe('What is not done by then becomes a dead letter; null when it has ended.'),
  progress: z.string().nullable().describe('The last line that the agent said about it.'),
  error: z.object({ code: z.string(), detail: z.string().nullable(), remedy: z.string().nullable() }).nullable(),
  cancel: z.object({ askedAt: isoDate, by: z.string(), reason: z.string() }).nullable(),
  replayable: z
    .boolean()
    .describe('It ended badly and nothing came after it: POST .../replay plans anew what it was for.'),
  createdAt: isoDate,
  startedAt: isoDate.nullable(),
  finishedAt: isoDate.nullable(),
});

export function showJob(job: JobRecord): z.input<typeof jobView> {
  const { id, hostId, host, kind, lane, state, planId, stepIndex, leaseNumber, attempts, progress, errorCode } = job;
  const isOpen = OPEN_STATES.includes(state);
  return {
    id,
    hostId,
    host,
    kind,
    lane,
    state,
    waitsFor: waitsFor(job),
    planId,
    generation: job.generation === null ? null : Number(job.generation),
    stepIndex,
    leaseNumber,
    leaseExpiresAt: iso(job.leaseExpiresAt),
    attempts,
    notBefore: isOpen ? iso(job.notBefore) : null,
    endsBy: isOpen ? new Date(job.createdAt.getTime() + JOB_AGE_MS_MAX).toISOString() : null,
    progress,
    error: errorCode === null ? null : { code: errorCode, detail: job.errorDetail, remedy: remedyOf(errorCode) },
    cancel: cancelOf(job),
    replayable: isReplayable(job),
    createdAt: job.createdAt.toISOString(),
    startedAt: iso(job.startedAt),
    finishedAt: iso(job.finishedAt),
  };
}

function waitsFor({ state, notBefore, leaseNumber, attempts }: JobRecord): string | null {
  if (state === 'leased') return 'The agent works on it.';
  if (state === 'cancelling') return 'The agent is asked to stop where nothing is half done, or its lease runs out.';
  if (state !== 'queued') return null;
  if (attempts > 0 && notBefore !== null) return `The agent tries again after ${notBefore.toISOString()}.`;
  return leaseNumber > 0 ? 'The agent was not heard of while it had it: for it to go on.' : 'The agent takes it.';
}

export function isReplayable({ state, isNewest, planState, intentNumber, intentNow, retiredAt }: JobRecord): boolean {
  const bad: readonly string[] = BAD_ENDS;
  const isStopped = planState === 'failed' || planState === 'cancelled';
  return bad.includes(state) && isNewest && isStopped && intentNumber === intentNow && retiredAt === null;
}

/** Of a job that is not replayable. */
export function whyNotReplayable({ id, host, state, planId, isNewest, planState }: JobRecord): string {
  const job = `The job ${id} on ${host}`;
  if (OPEN_STATES.includes(state)) return `${job} has not ended: it is ${state}.`;
  if (state === 'succeeded') return `${job} succeeded.`;
  if (planId === null) return `${job} belongs to no plan; the next one of its kind is made when it is due.`;
  if (!isNewest || planState === 'superseded') return `${job} belongs to an older plan: the Mac has gone on since.`;
  return `${job} is for something that is not wanted of the Mac any more.`;
}

function cancelOf({ cancelAskedAt, cancelAskedBy, cancelReason }: JobRecord) {
  if (cancelAskedAt === null) return null;
  return { askedAt: cancelAskedAt.toISOString(), by: cancelAskedBy ?? '', reason: cancelReason ?? '' };
}

function remedyOf(code: string): string | null {
  return isErrorCode(code) ? describeError(code).remedy : null;
}

function iso(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
