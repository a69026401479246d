/** What people see of an exception. */
const DAY_MS = 86_400_000;
export const WARNING_DAYS = [30, 7, 1] as const;

/** A request that nobody approves ends by itself. */
const REQUEST_DAYS = 30;

export const EXCEPTION_STATES = [
  'waiting_for_approval',
  'lapsed',
  'valid',
  'needs_signature',
  'expired',
  'revoked',
] as const;
export type ExceptionState = (typeof EXCEPTION_STATES)[number];

/** Requests made at this time or before have lapsed. */
export function lapsedBefore(now: Date): Date {
  return new Date(now.getTime() - REQUEST_DAYS * DAY_MS);
}

interface Times {
  readonly createdAt: Date;
  readonly awaitsApproval: boolean;
  readonly revokedAt: Date | null;
  readonly keyRetiredAt: Date | null;
  readonly expiresAt: Date;
}

export interface ExceptionRecord extends Times {
  readonly id: string;
  readonly policyRevisionId: string;
  readonly purpose: string;
  readonly reason: string;
  readonly clauseVersion: string;
  readonly approvals: string;
  readonly approver: string;
  readonly requestedBy: string | null;
  readonly commonMaker: string | null;
  readonly approvedAt: Date | null;
  readonly quotaMax: number | null;
  readonly revokeReason: string | null;
}

export function exceptionState(times: Times, now: Date): ExceptionState {
  const { createdAt, awaitsApproval, revokedAt, keyRetiredAt, expiresAt } = times;
  if (revokedAt !== null) return 'revoked';
  if (awaitsApproval) return createdAt <= lapsedBefore(now) ? 'lapsed' : 'waiting_for_approval';
  if (expiresAt <= now) return 'expired';
  return keyRetiredAt === null ? 'valid' : 'needs_signature';
}

/** The closest warning that applies: the exception ends within 30, 7 or 1 days. */
function warningOf(times: Times, now: Date): number | null {
  if (exceptionState(times, now) !== 'valid') return null;
  const leftMs = times.expiresAt.getTime() - now.getTime();
  return WARNING_DAYS.filter((days) => leftMs <= days * DAY_MS).at(-1) ?? null;
}

export function showException(row: ExceptionRecord, now: Date) {
  return {
    id: row.id,
    policyRevisionId: row.policyRevisionId,
    purpose: row.purpose,
    reason: row.reason,
    clauseVersion: row.clauseVersion,
    approvals: row.approvals,
    requestedBy: row.requestedBy,
    commonMaker: row.commonMaker,
    approver: row.approver === '' ? null : row.approver,
    approvedAt: row.approvedAt?.toISOString() ?? null,
    quotaMax: row.quotaMax,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    revokedAt: row.revokedAt?.toISOString() ?? null,
    revokeReason: row.revokeReason,
    state: exceptionState(row, now),
    warning: warningOf(row, now),
  };
}
