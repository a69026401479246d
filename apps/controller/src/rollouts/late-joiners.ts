import { QUOTA_STOCK, type RolloutStrategy } from '@headroom/core';
import type { Tx } from '../db/database.ts';
import { grantsOf } from './intent-flip.ts';
import { ADD_TARGETS, IN_ANOTHER } from './rollout-sql.ts';
import { takenBack } from './taken-back.ts';

/** The hosts that a revision's policy holds now and that are no targets of this rollout. */
export type LateHosts = (tx: Tx, revisionId: string, rolloutId: string) => Promise<readonly { readonly id: string }[]>;

export interface JoinOrder {
  readonly rollout: { readonly id: string; readonly revisionId: string | null };
  readonly strategy: RolloutStrategy;
  readonly siteId: string;
  readonly lateHosts: LateHosts;
  readonly now: Date;
}

const UNCOVERED =
  'Joined after the approval: no grant names this Mac. Approve an exception and apply the policy again.';

/** How many may lose it without a person's word is counted where a change is made, and this is none. */
const RAISED = 'Joined later and has a raise, which is not taken back on the way: apply the policy again.';

const TAKEN_BACK = 'Taken back to stock since: apply the policy again to raise it.';

/**
 * Adds Macs that the policy holds since the rollout was made to its last ring, if its strategy says so. A grant never widens, and a revision
 * that is not the applied one any more takes no new Mac.
 */
export async function joinLate(tx: Tx, { rollout, strategy, siteId, lateHosts, now }: JoinOrder): Promise<void> {
  const { id, revisionId } = rollout;
  if (strategy.lateJoiners === 'leave' || revisionId === null) return;
  const { quota, policyId } = await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId } });
  const policy = await tx.policy.findUniqueOrThrow({ where: { id: policyId }, select: { appliedRevisionId: true } });
  if (policy.appliedRevisionId !== revisionId) return;
  const joined = (await lateHosts(tx, revisionId, id)).map((host) => host.id);
  if (joined.length === 0) return;
  const others = await tx.$queryRawUnsafe<{ hostId: string }[]>(IN_ANOTHER, joined, id);
  const isElsewhere = new Set(others.map(({ hostId }) => hostId));
  const late = joined.filter((hostId) => !isElsewhere.has(hostId));
  if (late.length === 0) return;
  const back = await takenBack(tx, late);
  const able = quota === QUOTA_STOCK ? await withoutRaise(tx, late) : await grantsOf(tx, revisionId, late, now);
  const ring = Math.max(strategy.rings.length - 1, 0);
  const rows = (hosts: readonly string[]) => JSON.stringify(hosts.map((host_id) => ({ host_id, ring })));
  const joining = late.filter((hostId) => !back.has(hostId));
  const covered = joining.filter((hostId) => able.has(hostId));
  const uncovered = joining.filter((hostId) => !able.has(hostId));
  const reason = quota === QUOTA_STOCK ? RAISED : UNCOVERED;
  await tx.$executeRawUnsafe(ADD_TARGETS, rows(covered), id, siteId, 'pending', null, now);
  await tx.$executeRawUnsafe(ADD_TARGETS, rows(uncovered), id, siteId, 'skipped', reason, now);
  await tx.$executeRawUnsafe(ADD_TARGETS, rows([...back]), id, siteId, 'skipped', TAKEN_BACK, now);
}

async function withoutRaise(tx: Tx, hostIds: readonly string[]): Promise<ReadonlySet<string>> {
  const raised = await tx.intent.findMany({
    where: { hostId: { in: [...hostIds] }, quota: { gt: QUOTA_STOCK } },
    select: { hostId: true },
  });
  const found = new Set(raised.map(({ hostId }) => hostId));
  return new Set(hostIds.filter((hostId) => !found.has(hostId)));
}
