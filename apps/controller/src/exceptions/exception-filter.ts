/** By which fields exceptions are listed. What their state is follows from the time, `$1`, as in exception-view.ts. */
import type { ListFields } from '../filters/list-filter.ts';
import { EXCEPTION_STATES, lapsedBefore } from './exception-view.ts';

export const EXCEPTION_TABLES = 'risk_exception e JOIN policy_revision n ON n.id = e.policy_revision_id';

/** $1 now, $2 requests made at this time or before have lapsed. */
const STATE = `CASE WHEN e.revoked_at IS NOT NULL THEN 'revoked'
  WHEN e.awaits_approval AND e.created_at <= $2::timestamptz THEN 'lapsed' WHEN e.awaits_approval THEN 'waiting_for_approval'
  WHEN e.expires_at <= $1::timestamptz THEN 'expired' WHEN e.key_retired_at IS NOT NULL THEN 'needs_signature' ELSE 'valid' END`;

export const EXCEPTION_FIELDS = {
  state: { type: 'text', column: `(${STATE})`, values: EXCEPTION_STATES, means: 'state of the exception' },
  policy: { type: 'uuid', column: 'n.policy_id', means: 'id of the policy that it is for' },
  approvals: { type: 'text', column: 'e.approvals', values: ['four-eyes', 'self'], means: 'how many it took' },
  requestedBy: { type: 'text', column: 'e.requested_by', means: 'who asked for it' },
  approver: { type: 'text', column: `NULLIF(e.approver, '')`, means: 'who approved it' },
  createdAt: { type: 'time', column: 'e.created_at', means: 'when it was asked for' },
  expiresAt: { type: 'time', column: 'e.expires_at', means: 'when the consent ends' },
} as const satisfies ListFields;

/** A condition that is always true, so that both times have a type when no field asks for them. */
export function exceptionTimes(now: Date) {
  return { sql: '$1::timestamptz >= $2::timestamptz', values: [now, lapsedBefore(now)] };
}
