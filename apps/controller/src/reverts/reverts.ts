/**
 * The way back for Macs that somebody chooses, whatever their policies say: one rollout to stock. Policies stay as they are, so the
 * answer names those that would raise a Mac again when they are applied. Nothing is left out silently.
 */
import { QUOTA_STOCK } from '@headroom/core';
import type { Database, Tx } from '../db/database.ts';
import { changeStanding } from '../db/lock-order.ts';
import { resolveSelector, type SelectorInput, selectHosts } from '../policies/selector.ts';
import type { MadeRollout, RolloutEngine } from '../rollouts/rollout-engine.ts';

export interface RevertOrder {
  readonly selector: SelectorInput;
  readonly reason: string;
  /** Only say what would happen. */
  readonly dryRun: boolean;
  readonly actor: string;
  readonly now: Date;
}

interface LeftOut {
  readonly reason: string;
  readonly hostIds: readonly string[];
}

export interface RevertOutcome {
  /** null = nothing to take back, or a dry run. */
  readonly rollout: MadeRollout | null;
  readonly hostIds: readonly string[];
  readonly leftOut: readonly LeftOut[];
  readonly policies: readonly { readonly policyId: string; readonly policy: string; readonly hosts: number }[];
}

/** $1 hosts, $2 stock. What is wanted of each, or will be once its turn comes in a live rollout, and by which policy. */
const WANTED = `
  SELECT h.id::text AS "hostId", GREATEST(i.quota, ahead.quota, $2::int) AS quota, p.id::text AS "policyId", p.name AS policy
  FROM host h LEFT JOIN intent i ON i.host_id = h.id LEFT JOIN policy_revision v ON v.id = i.revision_id
    LEFT JOIN LATERAL (
      SELECT q.policy_id, q.quota FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
        JOIN policy_revision q ON q.id = r.revision_id
      WHERE t.host_id = h.id AND t.state = 'pending' AND q.quota > $2::int
        AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation')
      ORDER BY r.id DESC LIMIT 1) ahead ON true
    LEFT JOIN policy p ON p.id = COALESCE(v.policy_id, ahead.policy_id) AND p.archived_at IS NULL
  WHERE h.id = ANY($1::uuid[]) ORDER BY h.id`;

interface WantedRow {
  readonly hostId: string;
  readonly quota: number;
  readonly policyId: string | null;
  readonly policy: string | null;
}

const UNKNOWN = 'A fact that the filter needs is not known of this Mac.';
const AT_STOCK = 'Stock is wanted of this Mac already.';

export class Reverts {
  constructor(
    private readonly database: Database,
    private readonly rollouts: RolloutEngine,
  ) {}

  async revert(order: RevertOrder): Promise<RevertOutcome> {
    const work = (tx: Tx) => this.put(tx, order);
    const outcome = order.dryRun ? await this.database.transaction(work) : await changeStanding(this.database, work);
    if (outcome.rollout !== null) await this.rollouts.openPending(order.now);
    return outcome;
  }

  private async put(tx: Tx, { selector, reason, dryRun, actor, now }: RevertOrder): Promise<RevertOutcome> {
    const chosen = await selectHosts(tx, await resolveSelector(tx, selector, 'all'), undefined, 'all');
    const unknown = chosen.filter(({ selected }) => selected === null).map(({ hostId }) => hostId);
    const meant = chosen.filter(({ selected }) => selected === true).map(({ hostId }) => hostId);
    const wanted = await tx.$queryRawUnsafe<WantedRow[]>(WANTED, meant, QUOTA_STOCK);
    const raised = wanted.filter(({ quota }) => quota !== QUOTA_STOCK);
    const hostIds = raised.map(({ hostId }) => hostId);
    const title = `Back to stock: ${reason}`;
    const isDue = hostIds.length > 0 && !dryRun;
    return {
      rollout: isDue ? await this.rollouts.create(tx, { revisionId: null, hostIds, actor, now, title }) : null,
      hostIds,
      leftOut: [
        { reason: UNKNOWN, hostIds: unknown },
        { reason: AT_STOCK, hostIds: meant.filter((hostId) => !hostIds.includes(hostId)) },
      ].filter((group) => group.hostIds.length > 0),
      policies: byPolicy(raised),
    };
  }
}

function byPolicy(rows: readonly WantedRow[]): RevertOutcome['policies'] {
  const counts = new Map<string, { policyId: string; policy: string; hosts: number }>();
  for (const { policyId, policy } of rows) {
    if (policyId === null || policy === null) continue;
    const known = counts.get(policyId) ?? { policyId, policy, hosts: 0 };
    counts.set(policyId, { ...known, hosts: known.hosts + 1 });
  }
  return [...counts.values()];
}
