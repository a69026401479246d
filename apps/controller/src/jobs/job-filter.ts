/** By which fields jobs are listed. */
import { JOB_KINDS } from '@headroom/core';
import { words } from '../db/words.ts';
import type { ListFields } from '../filters/list-filter.ts';
import { BAD_ENDS, JOB_STATES } from './job-life.ts';

export const JOB_TABLES = `job j JOIN host h ON h.id = j.host_id LEFT JOIN plan p ON p.id = j.plan_id
  LEFT JOIN intent i ON i.host_id = j.host_id`;

/**
 * Nothing has happened since: what the Mac still needs done waits for somebody to say "again". Written so that the index of bad ends
 * serves it.
 */
const REPLAYABLE = `(
  j.state IN (${words(BAD_ENDS)}) AND h.retired_at IS NULL AND p.id IS NOT NULL AND p.state IN ('failed', 'cancelled')
  AND p.intent_number = COALESCE(i.number, 0)
  AND NOT EXISTS (SELECT 1 FROM plan newer WHERE newer.host_id = j.host_id AND newer.generation > p.generation))`;

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
  replayable: { type: 'flag', column: REPLAYABLE, means: 'a dead letter: it ended badly and nothing came after it' },
  createdAt: { type: 'time', column: 'j.created_at', means: 'when it was opened' },
} as const satisfies ListFields;
