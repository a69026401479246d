/** By which fields visits are listed. */
import { VISIT_KINDS } from '@headroom/core';
import type { ListFields } from '../filters/list-filter.ts';
import { VISIT_STATES } from './visit-view.ts';

export const VISIT_TABLES = `visit v JOIN host h ON h.id = v.host_id LEFT JOIN host_place p ON p.host_id = v.host_id
  LEFT JOIN host_state s ON s.host_id = v.host_id LEFT JOIN host_report r ON r.host_id = v.host_id`;

/** Silent for longer than the visit explains, and not closed since. */
const IS_OVERDUE = `(v.overdue_at IS NOT NULL AND v.state IN ('due', 'open'))`;

export const VISIT_FIELDS = {
  host: { type: 'uuid', column: 'v.host_id', means: 'id of the Mac' },
  kind: { type: 'text', column: 'v.kind', values: VISIT_KINDS, means: 'what is to be done there' },
  state: { type: 'text', column: 'v.state', values: VISIT_STATES, means: 'state of the visit' },
  owner: { type: 'text', column: 'v.owner', means: 'whose it is' },
  unassigned: { type: 'flag', column: '(v.owner IS NULL)', means: "it is nobody's" },
  location: { type: 'text', column: 'p.location', means: 'building, as kept with the place of the Mac' },
  dueAt: { type: 'time', column: 'v.due_at', means: 'until when it is to be made' },
  overdue: { type: 'flag', column: IS_OVERDUE, means: 'its Mac is silent for too long' },
} as const satisfies ListFields;
