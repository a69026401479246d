/**
 * What policies make of Macs whose labels changed: targets of a rollout, never a silent change. A Mac that its policy lets go of goes
 * to whoever holds it next, or back to stock, and many of them wait for a person; one that a policy holds now joins it if the
 * policy takes late joiners and a grant names it, unless somebody took it back to stock. A Mac that waits in a rollout that is not for
 * it any more is left out there.
 */
import { AT_ONCE, QUOTA_STOCK, type RolloutStrategy } from '@headroom/core';
import { writeAudits } from '../audit/write-many.ts';
import type { Database, Tx } from '../db/database.ts';
import { changeStanding } from '../db/lock-order.ts';
import { grantsOf } from '../rollouts/intent-flip.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { takenBack } from '../rollouts/taken-back.ts';
import { holderOf } from './claims.ts';
import { type HostClaim, type HostStanding, standingRevisions, standings } from './standing.ts';

const LABELS_ACTOR = 'system:labels';
const LEFT = 'Its labels changed since.';
/** Hosts looked at in one transaction; what takes the raise from them adds up beyond it. */
const HOSTS_MAX = 2000;

interface Relabelled {
  readonly hostId: string;
  readonly policyId: string | null;
  readonly revisionId: string | null;
  /** Revisions of live rollouts in which it waits. */
  readonly waitsFor: readonly (string | null)[];
}

export const ANY = 'SELECT 1 FROM host WHERE relabelled_at IS NOT NULL LIMIT 1';

export const CLAIM = `
  SELECT h.id::text AS "hostId", p.policy_id::text AS "policyId", i.revision_id::text AS "revisionId",
    ARRAY(SELECT r.revision_id::text FROM rollout_target t JOIN rollout r ON r.id = t.rollout_id
      WHERE t.host_id = h.id AND t.state = 'pending'
        AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation')) AS "waitsFor"
  FROM host h LEFT JOIN intent i ON i.host_id = h.id LEFT JOIN policy_revision p ON p.id = i.revision_id
  WHERE h.relabelled_at IS NOT NULL AND h.retired_at IS NULL
  ORDER BY h.id LIMIT $1::int FOR NO KEY UPDATE OF h SKIP LOCKED`;

/**
 * $1 hosts, $2 the revision that holds them (null = none), $3 reason, $4 now, $5 who makes rollouts of labels. A way back to stock that
 * anybody else began, as an exception ended or a person asked for it, goes on.
 */
export const LEAVE_WAITING = `
  UPDATE rollout_target t SET state = 'skipped', reason = $3, ended_at = $4::timestamptz, noted_at = $4::timestamptz
  FROM rollout r WHERE r.id = t.rollout_id AND t.host_id = ANY($1::uuid[]) AND t.state = 'pending'
    AND r.state IN ('running', 'paused', 'halted', 'waiting_for_confirmation') AND r.revision_id IS DISTINCT FROM $2::uuid
    AND (r.revision_id IS NOT NULL OR r.created_by = $5)
  RETURNING t.host_id::text AS "hostId", t.rollout_id::text AS "rolloutId"`;

export class RelabelledHosts {
  constructor(
    private readonly database: Database,
    private readonly rollouts: RolloutEngine,
  ) {}

  async sweepOnce(now: Date): Promise<void> {
    if ((await this.database.look(ANY)).length === 0) return;
    while ((await changeStanding(this.database, (tx) => this.batch(tx, now))) === HOSTS_MAX);
    await this.rollouts.openPending(now);
  }

  private async batch(tx: Tx, now: Date): Promise<number> {
    const hosts = await tx.$queryRawUnsafe<Relabelled[]>(CLAIM, HOSTS_MAX);
    const looked = hosts.map(({ hostId }) => hostId);
    await this.rollouts.lockTargets(tx, looked);
    const all = hosts.length === 0 ? new Map() : await standings(tx, await standingRevisions(tx), looked);
    for (const [revisionId, moved] of grouped(hosts, all)) {
      const hostIds = moved.map(({ hostId }) => hostId);
      await this.leaveWaiting(tx, hostIds, revisionId, now);
      const targets = await targetsOf(tx, revisionId, moved, now);
      if (targets.length > 0)
        await this.rollouts.create(tx, { revisionId, hostIds: targets, actor: LABELS_ACTOR, now });
    }
    await this.rollouts.endEmptied(tx, now);
    await tx.host.updateMany({ where: { id: { in: looked } }, data: { relabelledAt: null } });
    return hosts.length;
  }

  private async leaveWaiting(tx: Tx, hostIds: readonly string[], revisionId: string | null, at: Date): Promise<void> {
    const values = [hostIds, revisionId, LEFT, at, LABELS_ACTOR];
    const left = await tx.$queryRawUnsafe<{ hostId: string; rolloutId: string }[]>(LEAVE_WAITING, ...values);
    const { siteId } = this.database;
    await writeAudits(
      tx,
      left.map(({ hostId, rolloutId: entityId }) => ({
        actor: LABELS_ACTOR,
        action: 'rollout.leave',
        entity: 'rollout',
        entityId,
        before: { hostId, state: 'pending' },
        after: { hostId, state: 'skipped', reason: LEFT },
        at,
        siteId,
      })),
    );
  }
}

/** By the revision that holds them now; null = no policy does. Macs of which a deciding fact is unknown stay as they are. */
function grouped(hosts: readonly Relabelled[], all: ReadonlyMap<string, HostStanding>) {
  const groups = new Map<string | null, Relabelled[]>();
  for (const host of hosts) {
    const holder = holderOf<HostClaim>(all.get(host.hostId)?.claims ?? []);
    if (holder.kind === 'unknown') continue;
    const revisionId = holder.kind === 'held' ? holder.by.revisionId : null;
    groups.set(revisionId, [...(groups.get(revisionId) ?? []), host]);
  }
  return groups;
}

/** Those for which a rollout has to be made: not where they should be, and not on the way. */
async function targetsOf(tx: Tx, revisionId: string | null, hosts: readonly Relabelled[], now: Date) {
  const elsewhereNow = hosts.filter((host) => host.revisionId !== revisionId && !host.waitsFor.includes(revisionId));
  if (revisionId === null || elsewhereNow.length === 0) return elsewhereNow.map(({ hostId }) => hostId);
  const back = await takenBack(
    tx,
    elsewhereNow.map(({ hostId }) => hostId),
  );
  const away = elsewhereNow.filter(({ hostId }) => !back.has(hostId));
  const revision = await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId } });
  const strategy = (revision.strategy ?? AT_ONCE) as unknown as RolloutStrategy;
  // A Mac that comes from another policy is let go of there; one that had none joins late only where late joiners are wanted.
  const elsewhere = away.filter(({ policyId }) => policyId !== null && policyId !== revision.policyId);
  const late = strategy.lateJoiners === 'leave' ? [] : away.filter(({ policyId }) => policyId === null);
  const lateIds = late.map(({ hostId }) => hostId);
  const grants = revision.quota === QUOTA_STOCK ? null : await grantsOf(tx, revisionId, lateIds, now);
  return [
    ...elsewhere.map(({ hostId }) => hostId),
    ...lateIds.filter((hostId) => grants === null || grants.has(hostId)),
  ].sort();
}
