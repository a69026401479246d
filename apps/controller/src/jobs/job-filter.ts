/** By which fields jobs are listed; their tables are those of job-end-sql.ts. */
import { JOB_KINDS } from '@headroom/core';
import type { ListFields } from '../filters/list-filter.ts';
import { JOB_STATES } from './job-life.ts';

export const JOB_FIELDS = {
  host: { type: 'uuid', column: 'j.host_id', means: 'id of the Mac' },
  plan: { type: 'uuid', column: 'j.plan_id', means: 'id of the plan that it is a step of' },
  kind: { type: 'text', column: 'j.kind', values: JOB_KINDS, means: 'kind of the step' },
  state: { type: 'text', column: 'j.state', values: JOB_STATES, means: 'state of the job' },
  errorCode: {
    type: 'text',
    column: 'j.error_code',
    letters: 'upper',
    means: 'how it failed last, see docs/errors.md',
  },
  createdAt: { type: 'time', column: 'j.created_at', means: 'when it was opened' },
} as const satisfies ListFields;
