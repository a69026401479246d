import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { tellWebhooks } from '../webhooks/outbox.ts';
import { checkException, confirmQuota, type ExceptionInput } from './exception-input.ts';
import { lapsedBefore } from './exception-view.ts';
import { requireApart, type TokenHolder } from './four-eyes.ts';
import type { GrantSigner } from './grant-signer.ts';
import { GrantWriter } from './grant-writer.ts';
import { LICENCE_CLAUSE } from './licence-clause.ts';
import { endRelyingWork, lockNamed, type PlanEnds, tellRelying } from './relying-work.ts';
import { requireShown } from './request-hosts.ts';

export { type ExceptionInput, exceptionInput } from './exception-input.ts';

const DAY_MS = 86_400_000;

export interface ExceptionOrder {
  readonly input: ExceptionInput;
  readonly revision: { readonly id: string; readonly quota: number; readonly extraArgs: readonly string[] };
  /** Frozen at the approval: hosts that join later are not covered. */
  readonly hosts: readonly CoveredHost[];
  readonly requester: TokenHolder;
  readonly now: Date;
}

export interface CoveredHost {
  readonly id: string;
  readonly hardwareUuid: string;
}

export interface AskedException {
  readonly id: string;
  readonly awaitsApproval: boolean;
}

export interface Approval {
  readonly by: TokenHolder;
  /** Of the Macs that the approver was shown. */
  readonly hostsDigest: string;
  /** Above 16 guests the approver is asked again, too. */
  readonly confirmHighQuota: boolean;
  readonly now: Date;
}

/** The hosts that a revision's policy holds at this moment; policies know, exceptions ask. */
export type HostsOfRevision = (tx: Tx, revisionId: string) => Promise<readonly CoveredHost[]>;

/** Accepted risks and the signed grants made from them. Nothing here can widen a grant once it is signed. */
export class Exceptions {
  private readonly grants: GrantWriter;

  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
    key: GrantSigner,
    simulation: boolean,
    private readonly plans: PlanEnds,
  ) {
    this.grants = new GrantWriter(database, key, simulation);
  }

  /** Writes the exception in the caller's transaction: approved with its grants (`self`), or waiting for a second person. */
  async ask(tx: Tx, { input, revision, hosts, requester, now }: ExceptionOrder): Promise<AskedException> {
    checkException(input, revision.quota);
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    const expiresAt = new Date(now.getTime() + input.expiresInDays * DAY_MS);
    const awaitsApproval = input.approvals === 'four-eyes';
    const exception = {
      policyRevisionId: revision.id,
      purpose: input.purpose,
      reason: input.reason,
      clauseVersion: input.acceptClause,
      shownTextSha256: LICENCE_CLAUSE.sha256,
      approvals: input.approvals,
      approver: awaitsApproval ? '' : requester.name,
      requestedBy: requester.name,
      requestedById: requester.tokenId,
      askedHostIds: hosts.map((host) => host.id),
      awaitsApproval,
      approvedAt: awaitsApproval ? null : now,
      quotaMax: revision.quota,
      keepArgs: [...input.keepArgs],
      expiresInDays: input.expiresInDays,
      expiresAt,
    };
    await tx.riskException.create({ data: { id, siteId, createdAt: now, ...exception } });
    const order = { id, ...exception, extraArgs: revision.extraArgs, hosts, now };
    const grants = awaitsApproval ? [] : await this.sign(tx, order);
    await writeAudit(tx, {
      actor: requester.name,
      action: awaitsApproval ? 'exception.request' : 'exception.approve',
      entity: 'exception',
      entityId: id,
      after: toJson({ ...exception, grants }),
      at: now,
      siteId,
    });
    const type = awaitsApproval ? 'exception.requested' : 'exception.approved';
    const data = { exceptionId: id, actor: requester.name, expiresAt, hosts: hosts.length };
    await tellWebhooks(tx, [{ siteId, at: now, type, data }]);
    return { id, awaitsApproval };
  }

  /** The second pair of eyes: another person than the one that asked. The grants are made here, for the hosts that were shown. */
  async approve(id: string, approval: Approval, hostsOf: HostsOfRevision): Promise<void> {
    const { siteId } = this.database;
    const { by, confirmHighQuota, now } = approval;
    const { name: actor } = by;
    await this.database.transaction(async (tx) => {
      const exception = await lockException(tx, id);
      if (!exception.awaitsApproval) throw new Problem('CONFLICT', 'The exception does not wait for an approval.');
      if (exception.revokedAt !== null) throw new Problem('CONFLICT', 'The request was taken back.');
      const commonMaker = await requireApart(tx, exception, by);
      const revision = await revisionAskedFor(tx, exception, now);
      confirmQuota(revision.quota, confirmHighQuota);
      const hosts = await hostsOf(tx, revision.id);
      if (hosts.length === 0)
        throw new Problem('SELECTOR_EMPTY', 'The policy holds no Mac now: there is nothing to approve.');
      requireShown({ ...exception, exceptionId: id, digest: approval.hostsDigest }, hosts);
      const expiresAt = new Date(now.getTime() + (exception.expiresInDays ?? 0) * DAY_MS);
      const { purpose, keepArgs, shownTextSha256 } = exception;
      const { quota: quotaMax, extraArgs } = revision;
      const grants = await this.sign(tx, {
        id,
        quotaMax,
        extraArgs,
        keepArgs,
        purpose,
        shownTextSha256,
        approver: actor,
        expiresAt,
        hosts,
        now,
      });
      const approved = { awaitsApproval: false, approver: actor, approvedAt: now, expiresAt, commonMaker };
      await tx.riskException.update({ where: { id }, data: approved });
      await writeAudit(tx, {
        actor,
        action: 'exception.approve',
        entity: 'exception',
        entityId: id,
        before: { awaitsApproval: true, requestedBy: exception.requestedBy },
        after: toJson({ ...approved, quotaMax, grants, hosts: hosts.map((host) => host.id) }),
        at: now,
        siteId,
      });
      const data = { exceptionId: id, actor, expiresAt, hosts: hosts.length };
      await tellWebhooks(tx, [{ siteId, at: now, type: 'exception.approved', data }]);
    });
  }

  /**
   * Takes the consent back: its grants stop covering, work under them ends at once, and every host that relied on them is evaluated
   * again.
   */
  async revoke(id: string, actor: string, reason: string | null = null): Promise<void> {
    const now = this.clock.now();
    const { siteId } = this.database;
    const hostIds = await this.database.transaction(async (tx) => {
      const exception = await lockException(tx, id);
      if (exception.revokedAt !== null)
        throw new Problem('CONFLICT', `The exception was revoked at ${exception.revokedAt.toISOString()}.`);
      await lockNamed(tx, id);
      await tx.riskException.update({
        where: { id },
        data: { revokedAt: now, revokedBy: actor, revokeReason: reason },
      });
      await tx.grant.updateMany({ where: { exceptionId: id, revokedAt: null }, data: { revokedAt: now } });
      const end = { reason: 'the exception was revoked', event: 'exception.revoked' } as const;
      const hosts = await endRelyingWork(tx, { exceptionId: id, siteId, actor, now, ...end }, this.plans);
      await writeAudit(tx, {
        actor,
        action: 'exception.revoke',
        entity: 'exception',
        entityId: id,
        before: { revokedAt: null },
        after: { revokedAt: now.toISOString(), reason, hosts: hosts.length },
        at: now,
        siteId,
      });
      const data = { exceptionId: id, actor, reason, expiresAt: exception.expiresAt, hosts: hosts.length };
      await tellWebhooks(tx, [{ siteId, at: now, type: 'exception.revoked', data }]);
      return hosts;
    });
    tellRelying(this.bus, hostIds);
  }

  private sign(
    tx: Tx,
    order: {
      readonly id: string;
      readonly hosts: readonly CoveredHost[];
      readonly quotaMax: number;
      readonly extraArgs: readonly string[];
      readonly keepArgs: readonly string[];
      readonly expiresAt: Date;
      readonly approver: string;
      readonly purpose: string;
      readonly shownTextSha256: string;
      readonly now: Date;
    },
  ): Promise<readonly string[]> {
    const { id: exceptionId, hosts, extraArgs, keepArgs, ...rest } = order;
    return this.grants.write(tx, {
      ...rest,
      exceptionId,
      hardwareUuids: hosts.map(({ hardwareUuid }) => hardwareUuid),
      extraArgs: [...extraArgs, ...keepArgs],
    });
  }
}

/** A request is about a policy as it was: when that is not what would be applied, or too long ago, nobody's word for it counts. */
async function revisionAskedFor(
  tx: Tx,
  { policyRevisionId, createdAt }: { readonly policyRevisionId: string; readonly createdAt: Date },
  now: Date,
) {
  if (createdAt <= lapsedBefore(now))
    throw new Problem(
      'EXCEPTION_OUTDATED',
      `It was asked for at ${createdAt.toISOString()}, and lapsed 30 days later.`,
    );
  const revision = await tx.policyRevision.findUniqueOrThrow({
    where: { id: policyRevisionId },
    include: { policy: true },
  });
  const { policy, policyId, number } = revision;
  if (policy.archivedAt !== null)
    throw new Problem(
      'EXCEPTION_OUTDATED',
      `The policy ${policy.name} was archived at ${policy.archivedAt.toISOString()}.`,
    );
  const newest = await tx.policyRevision.findFirst({ where: { policyId }, orderBy: { number: 'desc' } });
  if (newest?.id !== policyRevisionId && policy.appliedRevisionId !== policyRevisionId)
    throw new Problem(
      'EXCEPTION_OUTDATED',
      `It was asked for revision ${number} of ${policy.name}; expected the newest (${newest?.number}) or the applied one.`,
    );
  return revision;
}

/** Locked, so that two decisions at once are one after the other. */
export async function lockException(tx: Tx, id: string) {
  await tx.$queryRaw`SELECT 1 FROM risk_exception WHERE id = ${id}::uuid FOR UPDATE`;
  const exception = await tx.riskException.findUnique({ where: { id } });
  if (exception === null) throw new Problem('NOT_FOUND', `There is no exception ${id}.`);
  return exception;
}
