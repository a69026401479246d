/** By which fields policies are listed; what a revision says is said of the newest. */
import type { ListFields } from '../filters/list-filter.ts';

export const POLICY_TABLES = `policy p JOIN policy_revision n ON n.policy_id = p.id
  AND n.number = (SELECT max(o.number) FROM policy_revision o WHERE o.policy_id = p.id)`;

export const POLICY_FIELDS = {
  name: { type: 'text', column: 'p.name', means: 'name of the policy' },
  archived: { type: 'flag', column: '(p.archived_at IS NOT NULL)', means: 'was it archived' },
  applied: { type: 'flag', column: '(p.applied_revision_id IS NOT NULL)', means: 'was a revision of it ever applied' },
  quota: { type: 'number', column: 'n.quota', means: 'guests that it allows; 2 = stock' },
  createdAt: { type: 'time', column: 'p.created_at', means: 'when it was made' },
} as const satisfies ListFields;
