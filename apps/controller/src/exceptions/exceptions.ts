import { encodeGrant, isForbiddenArg, parseBootArgs } from '@headroom/core';
import { z } from 'zod';
import { toJson } from '../audit/json.ts';
import { writeHostEvents } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import type { GrantSigner } from './grant-signer.ts';
import { LICENCE_CLAUSE, LICENCE_TEXT_SHA256 } from './licence-clause.ts';

export const EXPIRY_DAYS_DEFAULT = 90;
export const EXPIRY_DAYS_MAX = 365;
const DAY_MS = 86_400_000;
/** So that a Mac whose clock is a little behind accepts a grant at once. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** A plan carries its whole grant: an exception for many Macs is signed in parts, so that each stays a few KB. */
const HOSTS_PER_GRANT = 100;

export const exceptionInput = z.strictObject({
  purpose: z.string().trim().min(3).max(500).describe('What the additional guests are for.'),
  reason: z.string().trim().min(3).max(2000).describe('Why the risk is accepted.'),
  acceptClause: z
    .string()
    .max(40)
    .describe('Version of the licence clause that was shown: see /api/v1/licence-clause.'),
  keepArgs: z
    .array(z.string().min(1).max(200))
    .max(16)
    .default([])
    .describe('Boot arguments of others, stored on these Macs already, that may stay.'),
  expiresInDays: z.number().default(EXPIRY_DAYS_DEFAULT).describe('1 to 365.'),
});
export type ExceptionInput = z.output<typeof exceptionInput>;

export interface Approval {
  readonly input: ExceptionInput;
  readonly revision: { readonly id: string; readonly quota: number; readonly extraArgs: readonly string[] };
  /** Frozen here: hosts that join later are not covered. */
  readonly hosts: readonly { readonly id: string; readonly hardwareUuid: string }[];
  readonly approver: string;
  readonly now: Date;
}

/** Accepted risks and the signed grants made from them. Nothing here can widen a grant once it is signed. */
export class Exceptions {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
    private readonly key: GrantSigner,
    private readonly simulation: boolean,
  ) {}

  /** Refuses an approval that can't stand, before anything is written. */
  check({ acceptClause, expiresInDays, keepArgs }: ExceptionInput): void {
    if (acceptClause !== LICENCE_CLAUSE.version)
      throw new Problem(
        'EXCEPTION_CLAUSE_NOT_ACCEPTED',
        `Accepted: ${JSON.stringify(acceptClause)}. The clause shown now is version ${JSON.stringify(LICENCE_CLAUSE.version)}.`,
        { clauseVersion: LICENCE_CLAUSE.version },
      );
    if (!Number.isInteger(expiresInDays) || expiresInDays < 1 || expiresInDays > EXPIRY_DAYS_MAX)
      throw new Problem('EXPIRY_OUT_OF_RANGE', `expiresInDays is ${expiresInDays}; allowed: 1 to ${EXPIRY_DAYS_MAX}.`);
    const words = keepArgs.filter((word) => parseBootArgs(word).some(({ key }) => isForbiddenArg(key)));
    if (words.length > 0)
      throw new Problem('BOOT_ARGS_FORBIDDEN', `No exception can allow: ${words.join(' ')}.`, { words });
  }

  /** Writes exception and grants in the caller's transaction; returns the exception's id. */
  async approve(tx: Tx, { input, revision, hosts, approver, now }: Approval): Promise<string> {
    this.check(input);
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    const expiresAt = new Date(now.getTime() + input.expiresInDays * DAY_MS);
    const common = { siteId, createdAt: now, expiresAt };
    const exception = {
      policyRevisionId: revision.id,
      purpose: input.purpose,
      reason: input.reason,
      clauseVersion: input.acceptClause,
      shownTextSha256: LICENCE_TEXT_SHA256,
      approvals: 'self',
      approver,
    };
    await tx.riskException.create({ data: { id, ...common, ...exception } });
    const grants = inChunks(hosts, HOSTS_PER_GRANT).map((some) => {
      const grantId = uuidv7(now.getTime());
      const payload = encodeGrant({
        schemaVersion: 1,
        grantId,
        fleetId: this.database.fleetId,
        hostUuids: some.map(({ hardwareUuid }) => hardwareUuid),
        quotaMax: revision.quota,
        extraArgs: [...new Set([...revision.extraArgs, ...input.keepArgs])],
        notBefore: new Date(now.getTime() - CLOCK_SKEW_MS).toISOString(),
        expiresAt: expiresAt.toISOString(),
        shownTextSha256: LICENCE_TEXT_SHA256,
        approver,
        purpose: input.purpose,
        simulation: this.simulation,
      });
      return {
        ...common,
        id: grantId,
        exceptionId: id,
        payload,
        signature: this.key.sign(payload),
        keyId: this.key.keyId,
      };
    });
    await tx.grant.createMany({ data: grants });
    await writeAudit(tx, {
      actor: approver,
      action: 'exception.approve',
      entity: 'exception',
      entityId: id,
      after: toJson({
        ...exception,
        expiresAt,
        quotaMax: revision.quota,
        grants: grants.map((grant) => grant.id),
        hosts: hosts.map((host) => host.id),
      }),
      at: now,
      siteId,
    });
    return id;
  }

  /** Takes the consent back: its grants stop covering, and every host that relied on them is evaluated again. */
  async revoke(id: string, actor: string): Promise<void> {
    const now = this.clock.now();
    const { siteId } = this.database;
    const hostIds = await this.database.transaction(async (tx) => {
      // Locked, so that two revocations at once are one.
      await tx.$queryRaw`SELECT 1 FROM risk_exception WHERE id = ${id}::uuid FOR UPDATE`;
      const exception = await tx.riskException.findUnique({ where: { id } });
      if (exception === null) throw new Problem('NOT_FOUND', `There is no exception ${id}.`);
      if (exception.revokedAt !== null)
        throw new Problem('CONFLICT', `The exception was revoked at ${exception.revokedAt.toISOString()}.`);
      await tx.riskException.update({ where: { id }, data: { revokedAt: now } });
      await tx.grant.updateMany({ where: { exceptionId: id, revokedAt: null }, data: { revokedAt: now } });
      const grants = await tx.grant.findMany({ where: { exceptionId: id }, select: { id: true } });
      const intents = await tx.intent.findMany({
        where: { grantId: { in: grants.map((grant) => grant.id) } },
        select: { hostId: true },
        orderBy: { hostId: 'asc' },
      });
      const hosts = intents.map(({ hostId }) => hostId);
      await markDue(tx, hosts, now);
      await writeHostEvents(
        tx,
        hosts.map((hostId) => ({ siteId, hostId, at: now, kind: 'exception.revoked', detail: { exceptionId: id } })),
      );
      await writeAudit(tx, {
        actor,
        action: 'exception.revoke',
        entity: 'exception',
        entityId: id,
        before: { revokedAt: null },
        after: { revokedAt: now.toISOString(), hosts: hosts.length },
        at: now,
        siteId,
      });
      return hosts;
    });
    for (const hostId of hostIds) this.bus.publish({ kind: 'due', hostId });
  }
}

function inChunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
