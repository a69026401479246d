/** A job as leased, and the one report that it ends with. */
import type { ErrorCode } from '@headroom/core';

export interface LeasedJob {
  readonly jobId: string;
  readonly kind: string;
  /** Grows with each lease; the report goes out under the newest. */
  readonly leaseNumber: number;
  readonly generation: number;
  readonly stepIndex: number;
  /** The whole plan as stored; "" in the care lane. */
  readonly planText: string;
}

export const REPORT_OUTCOMES = ['succeeded', 'failed', 'refused'] as const;

export interface Report {
  readonly outcome: (typeof REPORT_OUTCOMES)[number];
  /** null on success. */
  readonly code: ErrorCode | null;
  readonly detail: string;
  readonly result: unknown;
}

/** What a job id may look like: it becomes a file name. */
export const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;
