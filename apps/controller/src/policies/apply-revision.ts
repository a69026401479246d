/** Applying a revision: consent, one rollout for the hosts that the policy holds, and others for hosts that it lets go of. */
import { QUOTA_STOCK, type RolloutStrategy } from '@headroom/core';
import { type Actor, requirePermission } from '../api/api-tokens.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import type { ExceptionInput, Exceptions } from '../exceptions/exceptions.ts';
import type { MadeRollout, RolloutEngine } from '../rollouts/rollout-engine.ts';
import { holderOf } from './claims.ts';
import { selectHosts, selectorText } from './selector.ts';
import {
  type HeldHost,
  type HostStanding,
  reachOf,
  type StandingRevision,
  standingRevision,
  standingRevisions,
  standings,
} from './standing.ts';

export interface Outcome {
  readonly policyId: string;
  readonly revisionId: string;
  readonly exceptionId: string | null;
  readonly rolloutId: string | null;
  /** Macs that the policy holds now. */
  readonly hosts: number;
  /** Macs that it selects and a policy of higher standing holds. */
  readonly heldByOthers: number;
  /** Macs that keep their intent, as a fact that the filter needs is unknown. */
  readonly unknown: number;
  /** Rollouts of Macs that it held before and lets go of. */
  readonly leaverRolloutIds: readonly string[];
  /** What a person has to do before anything moves; null when nothing. */
  readonly waitsFor: string | null;
}

export interface ApplyOrder {
  readonly revision: StandingRevision & { readonly strategy: RolloutStrategy | null };
  readonly exception?: ExceptionInput | undefined;
  readonly apply: boolean;
  readonly actor: Actor;
  readonly now: Date;
  /** Hosts that the same change sends to stock, in this order and in others. Absent = those of this one. */
  readonly taken?: readonly string[];
}

/** Several policies as one change: applied, or only made to let go of what they do not hold any more. */
export interface ApplyManyOrder extends Omit<ApplyOrder, 'revision' | 'apply' | 'taken'> {
  readonly revisions: readonly ApplyOrder['revision'][];
  readonly letGoOf: readonly string[];
}

export interface AppliedMany {
  readonly outcomes: readonly Outcome[];
  /** Rollouts of Macs that policies only let go of. */
  readonly letGo: readonly string[];
}

const AWAITS_APPROVAL = 'Another person approves the exception; then apply the policy.';
const AWAITS_CONFIRMATION = 'A person confirms the rollout: it takes the raise from many Macs.';

export class ApplyRevision {
  constructor(
    private readonly database: Database,
    private readonly exceptions: Exceptions,
    private readonly rollouts: RolloutEngine,
  ) {}

  /** In the caller's transaction, which changes standing. */
  async put(tx: Tx, order: ApplyOrder): Promise<Outcome> {
    const { revision, exception, apply, actor, now } = order;
    const all = await standings(tx, await standingRevisions(tx, [revision]));
    const reach = reachOf(revision.policyId, all);
    if ((apply || exception !== undefined) && reach.held.length === 0) throw nothingHeld(revision, reach.heldByOthers);
    const consent = await this.consent(tx, order, reach.held);
    const outcome: Outcome = {
      policyId: revision.policyId,
      revisionId: revision.id,
      exceptionId: consent?.id ?? null,
      rolloutId: null,
      hosts: reach.held.length,
      heldByOthers: reach.heldByOthers,
      unknown: reach.unknown.length,
      leaverRolloutIds: [],
      waitsFor: consent?.awaitsApproval === true ? AWAITS_APPROVAL : null,
    };
    if (!apply || consent?.awaitsApproval === true) return outcome;
    requirePermission(actor, 'policy.apply');
    if (revision.quota > QUOTA_STOCK && consent === null) await this.requireException(tx, revision, now);
    await tx.policy.update({ where: { id: revision.policyId }, data: { appliedRevisionId: revision.id } });
    const hostIds = reach.held.map(({ id }) => id);
    const next = await this.leaving(tx, revision.policyId, all);
    const taken = order.taken ?? [...(revision.quota === QUOTA_STOCK ? hostIds : []), ...toStock(next)];
    await this.rollouts.lockTargets(tx, [...hostIds, ...hostsOf(next)]);
    const made = await this.rollouts.create(tx, { revisionId: revision.id, hostIds, taken, actor: actor.name, now });
    const leavers = await this.letGo(tx, next, taken, actor, now);
    await this.audit(tx, order, made, reach.held.length);
    const waits = [made, ...leavers].some(({ state }) => state === 'waiting_for_confirmation');
    return {
      ...outcome,
      rolloutId: made.id,
      leaverRolloutIds: leavers.map(({ id }) => id),
      waitsFor: waits ? AWAITS_CONFIRMATION : null,
    };
  }

  /** As one change: what all of it takes is counted together. */
  async putMany(tx: Tx, { revisions, letGoOf, ...order }: ApplyManyOrder): Promise<AppliedMany> {
    const all = await standings(tx, await standingRevisions(tx, revisions));
    const policyIds = revisions.map(({ policyId }) => policyId);
    const leaving: Leaving[] = [];
    for (const policyId of new Set([...policyIds, ...letGoOf]))
      leaving.push(...(await this.leaving(tx, policyId, all)));
    const stock = revisions.filter(({ quota }) => quota === QUOTA_STOCK);
    const heldBy = ({ policyId }: { readonly policyId: string }) => reachOf(policyId, all).held.map(({ id }) => id);
    const taken = [...new Set([...stock.flatMap(heldBy), ...toStock(leaving)])];
    await this.rollouts.lockTargets(tx, [...revisions.flatMap(heldBy), ...hostsOf(leaving)]);
    const made: MadeRollout[] = [];
    for (const policyId of letGoOf)
      made.push(...(await this.letGo(tx, await this.leaving(tx, policyId, all), taken, order.actor, order.now)));
    const outcomes: Outcome[] = [];
    for (const revision of revisions) outcomes.push(await this.put(tx, { ...order, revision, apply: true, taken }));
    return { outcomes, letGo: made.map(({ id }) => id) };
  }

  /** The hosts that a revision's policy holds now: whom an approval covers. */
  async hostsOf(tx: Tx, revisionId: string): Promise<readonly HeldHost[]> {
    const row = await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId }, include: { policy: true } });
    const revision = standingRevision(row);
    return reachOf(revision.policyId, await standings(tx, await standingRevisions(tx, [revision]))).held;
  }

  /** Of those, the ones that are no targets of this rollout. Its own selector is asked first: mostly nobody is left to ask others about. */
  async lateHostsOf(tx: Tx, revisionId: string, rolloutId: string): Promise<readonly HeldHost[]> {
    const row = await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId }, include: { policy: true } });
    const revision = standingRevision(row);
    const meant = await selectHosts(tx, revision.selector, undefined, 'identity', rolloutId);
    if (meant.length === 0) return [];
    const revisions = await standingRevisions(tx, [revision]);
    const ids = meant.map(({ hostId }) => hostId);
    return reachOf(revision.policyId, await standings(tx, revisions, ids)).held;
  }

  /** Ends a policy, in a transaction that changes standing: the hosts that it held go to whoever holds them next, or back to stock. */
  async withdraw(tx: Tx, policyId: string, actor: Actor, now: Date): Promise<readonly MadeRollout[]> {
    await tx.policy.update({ where: { id: policyId }, data: { archivedAt: now, appliedRevisionId: null } });
    const next = await this.leaving(tx, policyId, await standings(tx, await standingRevisions(tx)));
    await this.rollouts.lockTargets(tx, hostsOf(next));
    return this.letGo(tx, next, toStock(next), actor, now);
  }

  /** Hosts whose intent is of this policy and that it does not hold any more, by who holds them next. Unknown ones stay as they are. */
  private async leaving(tx: Tx, policyId: string, all: ReadonlyMap<string, HostStanding>): Promise<readonly Leaving[]> {
    const mine = await tx.$queryRaw<{ hostId: string }[]>`
      SELECT i.host_id::text AS "hostId" FROM intent i JOIN policy_revision p ON p.id = i.revision_id
      JOIN host h ON h.id = i.host_id
      WHERE p.policy_id = ${policyId}::uuid AND h.retired_at IS NULL ORDER BY i.host_id`;
    const next = new Map<string | null, { quota: number; hostIds: string[] }>();
    for (const { hostId } of mine) {
      const holder = holderOf(all.get(hostId)?.claims ?? []);
      if (holder.kind === 'unknown' || (holder.kind === 'held' && holder.by.policyId === policyId)) continue;
      const { id, quota } = holder.kind === 'held' ? holder.by.revision : { id: null, quota: QUOTA_STOCK };
      const group = next.get(id) ?? { quota, hostIds: [] };
      group.hostIds.push(hostId);
      next.set(id, group);
    }
    return [...next].map(([revisionId, group]) => ({ revisionId, ...group }));
  }

  private async letGo(tx: Tx, next: readonly Leaving[], taken: readonly string[], actor: Actor, now: Date) {
    const made: MadeRollout[] = [];
    for (const { revisionId, hostIds } of next)
      made.push(await this.rollouts.create(tx, { revisionId, hostIds, taken, actor: actor.name, now }));
    return made;
  }

  private async consent(tx: Tx, { revision, exception, actor, now }: ApplyOrder, hosts: readonly HeldHost[]) {
    if (exception === undefined || revision.quota === QUOTA_STOCK) return null;
    if (exception.approvals === 'self') requirePermission(actor, 'exception.approve');
    return this.exceptions.ask(tx, { input: exception, revision, hosts, requester: actor, now });
  }

  /** One whose grants were signed by a retired key allows nothing before it is signed again. */
  private async requireException(tx: Tx, { id, quota }: StandingRevision, now: Date): Promise<void> {
    const stands = { revokedAt: null, awaitsApproval: false, keyRetiredAt: null, expiresAt: { gt: now } };
    const valid = await tx.riskException.count({ where: { policyRevisionId: id, ...stands } });
    if (valid === 0)
      throw new Problem(
        'EXCEPTION_REQUIRED',
        `The quota ${quota} is above stock (${QUOTA_STOCK}), and no valid exception allows it for this revision.`,
      );
  }

  private async audit(tx: Tx, { revision, actor, now }: ApplyOrder, { id: rolloutId }: MadeRollout, hosts: number) {
    await writeAudit(tx, {
      actor: actor.name,
      action: 'policy.apply',
      entity: 'policy',
      entityId: revision.policyId,
      after: { revisionId: revision.id, rolloutId, hosts },
      at: now,
      siteId: this.database.siteId,
    });
  }
}

/** Hosts that a policy lets go of, for the same next revision. Null = none: stock. */
interface Leaving {
  readonly revisionId: string | null;
  readonly quota: number;
  readonly hostIds: readonly string[];
}

function hostsOf(next: readonly Leaving[]): readonly string[] {
  return next.flatMap(({ hostIds }) => hostIds);
}

function toStock(next: readonly Leaving[]): readonly string[] {
  return next.flatMap(({ quota, hostIds }) => (quota === QUOTA_STOCK ? hostIds : []));
}

function nothingHeld({ selector }: StandingRevision, heldByOthers: number): Problem {
  const others = heldByOthers > 0 ? ` ${heldByOthers} are selected and held by policies of higher standing.` : '';
  return new Problem('SELECTOR_EMPTY', `No Mac is selected by: ${selectorText(selector)}.${others}`);
}
