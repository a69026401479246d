import type { Tx } from '../db/database.ts';

/**
 * Of the hosts in $1, those that a person's word, or the end of an exception, took back to stock or is taking there: the rollout was
 * made for just that, and so has a title. One that follows from what policies or labels say has none. Such a Mac is not raised again
 * by a label or a ring; whoever applies a policy to it gives it a new intent, and that ends it.
 */
export const TAKEN_BACK = `
  SELECT i.host_id::text AS "hostId" FROM intent i JOIN rollout r ON r.id = i.rollout_id
  WHERE i.host_id = ANY($1::uuid[]) AND r.revision_id IS NULL AND r.title IS NOT NULL
  UNION SELECT t.host_id::text FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
  WHERE t.host_id = ANY($1::uuid[]) AND t.state = 'pending' AND r.revision_id IS NULL AND r.title IS NOT NULL
    AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation')`;

export async function takenBack(tx: Tx, hostIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.$queryRawUnsafe<{ hostId: string }[]>(TAKEN_BACK, hostIds);
  return new Set(rows.map(({ hostId }) => hostId));
}
