/** What a finish says, checked, and which event of the job's life it is. */
import { describeError, isErrorCode, stepResultProblem } from '@headroom/core';
import { type FinishRequest, Outcome } from '@headroom/proto';
import { isNestedTooDeep, NOT_SO_DEEP } from '../common/nested.ts';
import { Problem } from '../common/problem.ts';
import type { Prisma } from '../db/generated/client.ts';
import type { JobEvent } from './job-life.ts';

/** The eighth failure is the last. */
const ATTEMPTS_MAX = 8;
const RESULT_BYTES_MAX = 64 * 1024;
const DETAIL_CHARS_MAX = 4096;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

export interface JobEnd {
  readonly event: JobEvent;
  readonly result: Prisma.InputJsonObject | null;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
}

export interface EndedStep {
  readonly kind: string;
  /** Failures of this job before this one. */
  readonly attempts: number;
}

/** A step is done when what it made can be read: else its plan would be made anew at once, over and over. */
export function readJobEnd(request: FinishRequest, { kind, attempts }: EndedStep): JobEnd {
  const event = eventOf(request, attempts);
  const failed = event !== 'succeed';
  const result = readResult(request.resultJson);
  const errorDetail = failed ? null : stepResultProblem(kind, result);
  if (errorDetail !== null) return { event: 'fail', result, errorCode: 'STEP_RESULT_UNREADABLE', errorDetail };
  return {
    event,
    result,
    errorCode: failed ? readCode(request.errorCode) : null,
    errorDetail: failed ? request.errorDetail.slice(0, DETAIL_CHARS_MAX) : null,
  };
}

function eventOf({ outcome, errorCode }: FinishRequest, attempts: number): JobEvent {
  switch (outcome) {
    case Outcome.SUCCEEDED:
      return 'succeed';
    case Outcome.REFUSED:
      return 'refuse';
    case Outcome.FAILED:
      if (!isTransient(errorCode)) return 'fail';
      return attempts + 1 < ATTEMPTS_MAX ? 'retry' : 'exhaust';
    default:
      throw new Problem('VALIDATION_FAILED', `outcome: expected succeeded, failed or refused, seen ${outcome}`);
  }
}

/** A code that we do not know, from a newer agent, is not tried again on a guess. */
function isTransient(code: string): boolean {
  return isErrorCode(code) && describeError(code).retry === 'transient';
}

function readCode(code: string): string {
  if (!CODE.test(code))
    throw new Problem('VALIDATION_FAILED', `errorCode: expected a code, seen ${JSON.stringify(code.slice(0, 80))}`);
  return code;
}

function readResult(bytes: Uint8Array): Prisma.InputJsonObject | null {
  if (bytes.length === 0) return null;
  if (bytes.length > RESULT_BYTES_MAX)
    throw new Problem(
      'PAYLOAD_TOO_LARGE',
      `resultJson: expected at most ${RESULT_BYTES_MAX} bytes, seen ${bytes.length}`,
    );
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new Problem('VALIDATION_FAILED', 'resultJson: cannot be read as JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('VALIDATION_FAILED', 'resultJson: expected a JSON object');
  if (isNestedTooDeep(value)) throw new Problem('VALIDATION_FAILED', `resultJson: ${NOT_SO_DEEP}`);
  return value as Prisma.InputJsonObject;
}
