/**
 * Reports that the controller refuses for good. They are sent again a few times, as it may be updated meanwhile; then the job is set
 * aside until the agent starts anew, so that one bad report cannot keep the agent busy for ever.
 */
import { status } from '@grpc/grpc-js';
import { describeError } from '@headroom/core';
import { ControllerError } from './controller-error.ts';

const ATTEMPTS_MAX = 5;

/** These say something about the Mac or its session, not about the report. */
const NOT_OF_THE_REPORT: readonly string[] = [
  'CERTIFICATE_REVOKED',
  'CERTIFICATE_EXPIRED',
  'HOST_UNKNOWN',
  'HOST_UUID_DIFFERS',
];

export interface RefusedReports {
  /** Counts a refusal; true when it was the last one. */
  count(jobId: string): boolean;
  isSetAside(jobId: string): boolean;
  forget(jobId: string): void;
}

export function newRefusedReports(): RefusedReports {
  const attempts = new Map<string, number>();
  const isSetAside = (jobId: string): boolean => (attempts.get(jobId) ?? 0) >= ATTEMPTS_MAX;
  return {
    count(jobId) {
      attempts.set(jobId, (attempts.get(jobId) ?? 0) + 1);
      return isSetAside(jobId);
    },
    isSetAside,
    forget: (jobId) => void attempts.delete(jobId),
  };
}

/** Would the same report be refused again by this controller? */
export function isRefusedForGood(error: unknown): error is ControllerError {
  if (!(error instanceof ControllerError)) return false;
  if (error.code === null) return error.grpcStatus === status.INVALID_ARGUMENT;
  return describeError(error.code).retry !== 'transient' && !NOT_OF_THE_REPORT.includes(error.code);
}
