/** Hosts whose evaluation failed: said in their findings, and looked at again later, so that they hold up nobody else. */
import type { Tx } from '../db/database.ts';
import { lastLine } from '../db/problem-of.ts';
import { storableJson } from '../db/storable-json.ts';
import { finding } from './agent-limits.ts';
import { POSTPONE_FAILED } from './evaluator-sql.ts';

export interface FailedHost {
  readonly hostId: string;
  readonly cause: unknown;
}

const CAUSE_CHARS_MAX = 300;

/** State and other findings stay as they were last known. */
export async function postponeFailed(tx: Tx, failed: readonly FailedHost[], now: Date, until: Date): Promise<void> {
  if (failed.length === 0) return;
  const since = now.toISOString();
  const rows = failed.map(({ hostId, cause }) => ({ host_id: hostId, finding: { ...findingOf(cause), since } }));
  await tx.$executeRawUnsafe(POSTPONE_FAILED, storableJson(rows), now, until);
}

function findingOf(cause: unknown) {
  const said = lastLine(cause instanceof Error ? cause.message : String(cause)).slice(0, CAUSE_CHARS_MAX);
  const detail = `The controller could not evaluate it: ${said}`;
  return finding('EVALUATION_FAILED', { detail, expected: 'an evaluation', seen: said, args: {} });
}
