import { QUOTA_STOCK } from '@headroom/core';
import type { Tx } from '../db/database.ts';

/** A change that takes the raise from more Macs than this, and than this share of the fleet, waits for a person. */
const TAKEN_FREELY = 10;
const TAKEN_FREELY_SHARE = 0.02;
/** What the controller takes by itself adds up over so long: many small changes are a large one. */
const ADDS_UP_MS = 24 * 3_600_000;

export interface Taking {
  readonly hostIds: readonly string[];
  /** Of the rollout: `system:` is the controller itself. */
  readonly madeBy: string;
  readonly now: Date;
}

/** Would these hosts going to stock take the raise from many? */
export async function takesMuch(tx: Tx, { hostIds, madeBy, now }: Taking): Promise<boolean> {
  const raised = await tx.intent.findMany({
    where: { hostId: { in: [...hostIds] }, quota: { gt: QUOTA_STOCK } },
    select: { hostId: true },
  });
  if (raised.length === 0) return false;
  const before = madeBy.startsWith('system:') ? await takenBefore(tx, madeBy, hostIds, now) : 0;
  const fleet = await tx.host.count({ where: { retiredAt: null } });
  return raised.length + before > Math.max(TAKEN_FREELY, fleet * TAKEN_FREELY_SHARE);
}

/** So many Macs it took to stock of late without anybody's word. */
export async function takenBefore(tx: Tx, madeBy: string, except: readonly string[], now: Date): Promise<number> {
  const since = new Date(now.getTime() - ADDS_UP_MS);
  const [row] = await tx.$queryRaw<{ hosts: number }[]>`
    SELECT count(DISTINCT t.host_id)::int AS hosts
    FROM rollout r JOIN rollout_target t ON t.rollout_id = r.id LEFT JOIN policy_revision p ON p.id = r.revision_id
    WHERE r.created_by = ${madeBy} AND r.created_at > ${since} AND NOT r.asks_confirmation
      AND COALESCE(p.quota, ${QUOTA_STOCK}) = ${QUOTA_STOCK}
      AND t.state NOT IN ('skipped', 'superseded') AND t.host_id <> ALL(${[...except]}::uuid[])`;
  return row?.hosts ?? 0;
}
