import type { Tx } from '../db/database.ts';

/** Policies look at these hosts at the next sweep: their labels changed, in this transaction. */
export async function markRelabelled(tx: Tx, hostIds: readonly string[], now: Date): Promise<void> {
  if (hostIds.length === 0) return;
  await tx.host.updateMany({ where: { id: { in: [...hostIds] }, relabelledAt: null }, data: { relabelledAt: now } });
}
