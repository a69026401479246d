/** By which fields rollouts, and the Macs of one, are listed. */
import { HOST_STATES, ROLLOUT_STATES, TARGET_STATES } from '@headroom/core';
import type { ListFields } from '../filters/list-filter.ts';

export const ROLLOUT_TABLES = 'rollout r LEFT JOIN policy_revision n ON n.id = r.revision_id';

export const ROLLOUT_FIELDS = {
  state: { type: 'text', column: 'r.state', values: ROLLOUT_STATES, means: 'state of the rollout' },
  policy: {
    type: 'uuid',
    column: 'n.policy_id',
    means: 'id of the policy; none of those that only lead back to stock',
  },
  exception: { type: 'uuid', column: 'r.exception_id', means: 'id of the exception whose end it carries out' },
  createdBy: { type: 'text', column: 'r.created_by', means: 'who made it' },
  createdAt: { type: 'time', column: 'r.created_at', means: 'when it was made' },
} as const satisfies ListFields;

export const TARGET_TABLES = `rollout_target t JOIN host_state s ON s.host_id = t.host_id`;

/** Looks among the targets of one rollout, by its key. */
export const TARGET_FIELDS = {
  host: { type: 'uuid', column: 't.host_id', means: 'id of the Mac' },
  ring: { type: 'number', column: 't.ring', means: 'its ring, from 0' },
  state: { type: 'text', column: 't.state', values: TARGET_STATES, means: 'how far it is in the rollout' },
  hostState: { type: 'text', column: 's.state', values: HOST_STATES, means: 'state of the Mac' },
} as const satisfies ListFields;
