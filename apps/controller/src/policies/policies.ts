import { QUOTA_STOCK } from '@headroom/core';
import type { Actor } from '../api/api-tokens.ts';
import { requireMatch, revisionEtag } from '../api/etag.ts';
import { requirePermission } from '../api/api-tokens.ts';
import { toJson } from '../audit/json.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import type { ExceptionInput, Exceptions } from '../exceptions/exceptions.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { checkExtraArgs, type RevisionInput, readQuota } from './policy-input.ts';
import { resolveSelector, type SelectedHost, type Selector, selectHosts, selectorText } from './selector.ts';

export interface Outcome {
  readonly policyId: string;
  readonly revisionId: string;
  readonly exceptionId: string | null;
  readonly rolloutId: string | null;
  /** Macs that the selector means now. */
  readonly hosts: number;
}

interface Revision {
  readonly id: string;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly selector: Selector;
}

/** Policies and their immutable revisions; applying one approves the exception and makes the rollout in one transaction. */
export class Policies {
  constructor(
    private readonly database: Database,
    private readonly exceptions: Exceptions,
    private readonly rollouts: RolloutEngine,
  ) {}

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
  ): Promise<Outcome> {
    return this.change(now, async (tx) => {
      // Locked, so that two revisions at once get two numbers.
      await tx.$queryRaw`SELECT 1 FROM policy WHERE id = ${policyId}::uuid FOR UPDATE`;
      const newest = await this.newest(tx, policyId);
      requireMatch(ifMatch, revisionEtag(newest.number));
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
  ): Promise<Outcome> {
    return this.change(now, async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM policy WHERE id = ${policyId}::uuid FOR UPDATE`;
      const { id, number, quota, extraArgs, selector } = await this.newest(tx, policyId);
      requireMatch(ifMatch, revisionEtag(number));
      const revision = { id, quota, extraArgs, selector: selector as unknown as Selector };
      return this.put(tx, policyId, revision, { exception, apply: true }, actor, now);
    });
  }

  /** Commits first; only then do intents flip, in chunks. A stop in between is resumed by the sweep. */
  private async change(now: Date, work: (tx: Tx) => Promise<Outcome>): Promise<Outcome> {
    const outcome = await this.database.transaction(work);
    if (outcome.rolloutId !== null) await this.rollouts.openPending(now);
    return outcome;
  }

  private async addRevision(tx: Tx, policyId: string, number: number, input: RevisionInput, actor: Actor, now: Date) {
    const { siteId } = this.database;
    const revision = {
      id: uuidv7(now.getTime()),
      quota: readQuota(input.quota),
      extraArgs: checkExtraArgs(input.extraArgs),
      selector: await resolveSelector(tx, input.selector),
    };
    await tx.policyRevision.create({
      data: {
        ...revision,
        siteId,
        policyId,
        number,
        extraArgs: [...revision.extraArgs],
        selector: toJson(revision.selector),
        createdBy: actor.name,
        createdAt: now,
      },
    });
    await writeAudit(tx, {
      actor: actor.name,
      action: number === 1 ? 'policy.create' : 'policy.revise',
      entity: 'policy',
      entityId: policyId,
      after: toJson({ number, ...revision }),
      at: now,
      siteId,
    });
    return this.put(tx, policyId, revision, input, actor, now);
  }

  /** The consent and the rollout of one revision. */
  private async put(
    tx: Tx,
    policyId: string,
    revision: Revision,
    { exception, apply }: { readonly exception?: ExceptionInput | undefined; readonly apply: boolean },
    actor: Actor,
    now: Date,
  ): Promise<Outcome> {
    const hosts = await selectHosts(tx, revision.selector);
    if ((apply || exception !== undefined) && hosts.length === 0)
      throw new Problem('SELECTOR_EMPTY', `No Mac is selected by: ${selectorText(revision.selector)}.`);
    const exceptionId = await this.consent(tx, revision, exception, hosts, actor, now);
    const outcome = { policyId, revisionId: revision.id, exceptionId, rolloutId: null, hosts: hosts.length };
    if (!apply) return outcome;
    requirePermission(actor, 'policy.apply');
    if (revision.quota > QUOTA_STOCK && exceptionId === null) await this.requireException(tx, revision, now);
    const rolloutId = await this.rollouts.create(tx, {
      revisionId: revision.id,
      hostIds: hosts.map(({ id }) => id),
      actor: actor.name,
      now,
    });
    await writeAudit(tx, {
      actor: actor.name,
      action: 'policy.apply',
      entity: 'policy',
      entityId: policyId,
      after: { revisionId: revision.id, rolloutId, hosts: hosts.length },
      at: now,
      siteId: this.database.siteId,
    });
    return { ...outcome, rolloutId };
  }

  private async consent(
    tx: Tx,
    revision: Revision,
    input: ExceptionInput | undefined,
    hosts: readonly SelectedHost[],
    actor: Actor,
    now: Date,
  ): Promise<string | null> {
    if (input === undefined || revision.quota === QUOTA_STOCK) return null;
    requirePermission(actor, 'exception.approve');
    return this.exceptions.approve(tx, { input, revision, hosts, approver: actor.name, now });
  }

  private async requireException(tx: Tx, revision: Revision, now: Date): Promise<void> {
    const valid = await tx.riskException.count({
      where: { policyRevisionId: revision.id, revokedAt: null, expiresAt: { gt: now } },
    });
    if (valid === 0)
      throw new Problem(
        'EXCEPTION_REQUIRED',
        `The quota ${revision.quota} is above stock (${QUOTA_STOCK}), and no valid exception allows it for this revision.`,
      );
  }

  private async newest(tx: Tx, policyId: string) {
    const revision = await tx.policyRevision.findFirst({ where: { policyId }, orderBy: { number: 'desc' } });
    if (revision === null) throw new Problem('NOT_FOUND', `There is no policy ${policyId}.`);
    return revision;
  }
}
