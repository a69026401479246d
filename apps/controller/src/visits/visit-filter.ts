/** By which fields visits are listed; their tables are those of visit-list.ts. */
import { VISIT_KINDS } from '@headroom/core';
import type { ListFields } from '../filters/list-filter.ts';
import { VISIT_STATES } from './visit-view.ts';

/** Silent for longer than the visit explains, and not closed since. */
export const IS_OVERDUE = `(v.overdue_at IS NOT NULL AND v.state IN ('due', 'open'))`;

export const VISIT_FIELDS = {
  host: { type: 'uuid', column: 'v.host_id', means: 'id of the Mac' },
  kind: { type: 'text', column: 'v.kind', values: VISIT_KINDS, means: 'what is to be done there' },
  state: { type: 'text', column: 'v.state', values: VISIT_STATES, means: 'state of the visit' },
  owner: { type: 'text', column: 'v.owner', means: 'whose it is' },
  location: { type: 'text', column: 'p.location', means: 'building, as kept with the place of the Mac' },
  dueAt: { type: 'time', column: 'v.due_at', means: 'until when it is to be made' },
  overdue: { type: 'flag', column: IS_OVERDUE, means: 'its Mac is silent for too long' },
} as const satisfies ListFields;
