/**
 * Error catalogue: everything the product answers with when something failed. A code never changes its meaning;
 * docs/errors.md is generated from these rows.
 */
import { API_ERRORS } from './error-catalogue/api.ts';
import { CONSENT_ERRORS } from './error-catalogue/consent.ts';
import { ENROLMENT_ERRORS } from './error-catalogue/enrolment.ts';
import type { ErrorRow, GrpcStatusName, RetryClass } from './error-catalogue/row.ts';
import { STEP_ERRORS } from './error-catalogue/steps.ts';
import { WIRE_ERRORS } from './error-catalogue/wire.ts';
import { fillTemplate, type TemplateArgs } from './template.ts';

export { GRPC_STATUS_NAMES, type GrpcStatusName, RETRY_CLASSES, type RetryClass } from './error-catalogue/row.ts';

/** The catalogue by who answers, in the order of the document. */
export const ERROR_GROUPS = {
  'Consent: grants and boot arguments': CONSENT_ERRORS,
  'Steps on a Mac': STEP_ERRORS,
  'Between agent and controller': WIRE_ERRORS,
  'Enrolment, on the Mac': ENROLMENT_ERRORS,
  'REST API and enrolment': API_ERRORS,
} as const satisfies Record<string, Readonly<Record<string, ErrorRow>>>;

export const ERRORS = { ...CONSENT_ERRORS, ...STEP_ERRORS, ...WIRE_ERRORS, ...ENROLMENT_ERRORS, ...API_ERRORS };
export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDescription {
  readonly code: ErrorCode;
  readonly title: string;
  /** What the reader does next. */
  readonly remedy: string;
  readonly retry: RetryClass;
  readonly httpStatus: number;
  readonly grpcStatus: GrpcStatusName;
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** The row of a code with its places filled. */
export function describeError(code: ErrorCode, args: TemplateArgs = {}): ErrorDescription {
  const row: ErrorRow = ERRORS[code];
  return {
    code,
    title: fillTemplate(row.title, args),
    remedy: fillTemplate(row.remedy, args),
    retry: row.retry,
    httpStatus: row.http,
    grpcStatus: row.grpc,
  };
}
