import type { RolloutStrategy } from '@headroom/core';
import type { Actor } from '../api/api-tokens.ts';
import { requireMatch, revisionEtag } from '../api/etag.ts';
import { toJson } from '../audit/json.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { changeStanding } from '../db/lock-order.ts';
import type { ExceptionInput, Exceptions } from '../exceptions/exceptions.ts';
import type { MadeRollout, RolloutEngine } from '../rollouts/rollout-engine.ts';
import { type AppliedMany, ApplyRevision, type Outcome } from './apply-revision.ts';
import { checkExtraArgs, type RevisionInput, readQuota } from './policy-input.ts';
import { resolveSelector } from './selector.ts';
import { standingRevision } from './standing.ts';
import { checkStrategy } from './strategy-input.ts';

export type { AppliedMany, Outcome } from './apply-revision.ts';

/** Runs first in the transaction of a change, and may refuse it. */
export type Guard = (tx: Tx) => Promise<void>;

/** Policies and their immutable revisions; applying one approves the exception and makes the rollout in one transaction. */
export class Policies {
  private readonly applying: ApplyRevision;

  constructor(
    private readonly database: Database,
    exceptions: Exceptions,
    private readonly rollouts: RolloutEngine,
  ) {
    this.applying = new ApplyRevision(database, exceptions, rollouts);
  }

  /** The hosts that a revision's policy holds now. */
  hostsOf(tx: Tx, revisionId: string) {
    return this.applying.hostsOf(tx, revisionId);
  }

  lateHostsOf(tx: Tx, revisionId: string, rolloutId: string) {
    return this.applying.lateHostsOf(tx, revisionId, rolloutId);
  }

  async create(name: string, input: RevisionInput, actor: Actor, now: Date): Promise<Outcome> {
    const { siteId } = this.database;
    const policyId = uuidv7(now.getTime());
    return this.change(now, async (tx) => {
      // Two of one name at once: the second waits here and is then refused.
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 2))`;
      if ((await tx.policy.count({ where: { name } })) > 0)
        throw new Problem('CONFLICT', `A policy named ${JSON.stringify(name)} exists already; give it a new revision.`);
      await tx.policy.create({ data: { id: policyId, siteId, name, createdAt: now } });
      return this.addRevision(tx, policyId, 1, input, actor, now);
    });
  }

  async revise(
    policyId: string,
    input: RevisionInput,
    actor: Actor,
    now: Date,
    ifMatch: string | null = null,
    guard?: Guard,
  ): Promise<Outcome> {
    return this.change(now, async (tx) => {
      await guard?.(tx);
      const newest = await this.lockNewest(tx, policyId, ifMatch);
      return this.addRevision(tx, policyId, newest.number + 1, input, actor, now);
    });
  }

  /** Applies the newest revision to the Macs that its selector means now. */
  async apply(
    policyId: string,
    exception: ExceptionInput | undefined,
    actor: Actor,
    now: Date,
    ifMatch: string | null = null,
    guard?: Guard,
  ): Promise<Outcome> {
    return this.change(now, async (tx) => {
      await guard?.(tx);
      const newest = await this.lockNewest(tx, policyId, ifMatch);
      return this.applying.put(tx, { revision: applicable(newest), exception, apply: true, actor, now });
    });
  }

  /** Applies revisions as they are applied now, and lets go of Macs whose policies do not hold them any more: all of it, or nothing. */
  async applyPresent(
    revisionIds: readonly string[],
    letGoOf: readonly string[],
    exception: ExceptionInput | undefined,
    actor: Actor,
    now: Date,
    guard: Guard,
  ): Promise<AppliedMany> {
    const applied = await changeStanding(this.database, async (tx) => {
      await guard(tx);
      const rows = await tx.policyRevision.findMany({
        where: { id: { in: [...revisionIds] } },
        include: { policy: true },
        orderBy: { policyId: 'asc' },
      });
      return this.applying.putMany(tx, { revisions: rows.map(applicable), letGoOf, exception, actor, now });
    });
    await this.rollouts.openPending(now);
    return applied;
  }

  /** Archives a policy: its Macs go to whoever holds them next, or back to stock, by rollouts. */
  async archive(
    policyId: string,
    actor: Actor,
    now: Date,
    ifMatch: string | null = null,
  ): Promise<readonly MadeRollout[]> {
    const made = await changeStanding(this.database, async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM policy WHERE id = ${policyId}::uuid FOR UPDATE`;
      const policy = await tx.policy.findUnique({ where: { id: policyId } });
      if (policy === null) throw new Problem('NOT_FOUND', `There is no policy ${policyId}.`);
      if (policy.archivedAt !== null) throw new Problem('CONFLICT', 'The policy is archived already.');
      requireMatch(ifMatch, revisionEtag((await this.newest(tx, policyId)).number));
      const rollouts = await this.applying.withdraw(tx, policyId, actor, now);
      await writeAudit(tx, {
        actor: actor.name,
        action: 'policy.archive',
        entity: 'policy',
        entityId: policyId,
        before: { appliedRevisionId: policy.appliedRevisionId },
        after: { rolloutIds: rollouts.map(({ id }) => id) },
        at: now,
        siteId: this.database.siteId,
      });
      return rollouts;
    });
    await this.rollouts.openPending(now);
    return made;
  }

  /** Commits first; only then do intents flip, in chunks. A stop in between is resumed by the sweep. */
  private async change(now: Date, work: (tx: Tx) => Promise<Outcome>): Promise<Outcome> {
    const outcome = await changeStanding(this.database, work);
    if (outcome.rolloutId !== null || outcome.leaverRolloutIds.length > 0) await this.rollouts.openPending(now);
    return outcome;
  }

  private async addRevision(tx: Tx, policyId: string, number: number, input: RevisionInput, actor: Actor, now: Date) {
    const { siteId } = this.database;
    const strategy = checkStrategy(input.strategy);
    const revision = {
      id: uuidv7(now.getTime()),
      number,
      quota: readQuota(input.quota),
      extraArgs: [...checkExtraArgs(input.extraArgs)],
      selector: toJson(await resolveSelector(tx, input.selector)),
      priority: input.priority,
      ...(strategy !== null && { strategy: toJson(strategy) }),
    };
    const made = await tx.policyRevision.create({
      data: { ...revision, siteId, policyId, createdBy: actor.name, createdAt: now },
      include: { policy: true },
    });
    await writeAudit(tx, {
      actor: actor.name,
      action: number === 1 ? 'policy.create' : 'policy.revise',
      entity: 'policy',
      entityId: policyId,
      after: toJson(revision),
      at: now,
      siteId,
    });
    const { exception, apply } = input;
    return this.applying.put(tx, { revision: applicable(made), exception, apply, actor, now });
  }

  /** The newest revision, with its policy locked: two changes at once come one after the other. */
  private async lockNewest(tx: Tx, policyId: string, ifMatch: string | null) {
    await tx.$queryRaw`SELECT 1 FROM policy WHERE id = ${policyId}::uuid FOR UPDATE`;
    const newest = await this.newest(tx, policyId);
    requireMatch(ifMatch, revisionEtag(newest.number));
    return newest;
  }

  private async newest(tx: Tx, policyId: string) {
    const revision = await tx.policyRevision.findFirst({
      where: { policyId },
      orderBy: { number: 'desc' },
      include: { policy: true },
    });
    if (revision === null) throw new Problem('NOT_FOUND', `There is no policy ${policyId}.`);
    if (revision.policy.archivedAt !== null) throw new Problem('CONFLICT', 'The policy is archived.');
    return revision;
  }
}

function applicable(row: Parameters<typeof standingRevision>[0] & { readonly strategy: unknown }) {
  return { ...standingRevision(row), strategy: row.strategy as RolloutStrategy | null };
}
