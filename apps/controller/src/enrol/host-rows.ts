/** The rows that make a host: who it is, its labels, an empty report, a state that is due, and an intent of stock. */
import { QUOTA_STOCK } from '@headroom/core';
import { lockHost } from '../agents/host-lock.ts';
import { uuidv7 } from '../common/ids.ts';
import { type Tx, writeAudit } from '../db/database.ts';
import { markRelabelled } from '../hosts/relabelled-mark.ts';
import type { EnrolRequest } from './enrol-request.ts';

/** What was known of a host that enrols again: goes into the audit. */
export type KnownHost = {
  readonly name: string;
  readonly serial: string | null;
  readonly model: string | null;
  readonly simulated: boolean;
  readonly retiredAt: string | null;
};

export interface HostRowsInput {
  readonly siteId: string;
  readonly request: EnrolRequest;
  /** Of the token. A host that enrols again keeps the ones it has. */
  readonly labels: readonly string[];
  /** In whose name the audit says it. */
  readonly actor: string;
  readonly now: Date;
}

export interface WrittenHost {
  readonly hostId: string;
  readonly before: KnownHost | null;
}

export async function writeHost(tx: Tx, input: HostRowsInput): Promise<WrittenHost> {
  const { request, now } = input;
  // Two tokens may enrol the same Mac at once; the second waits here and then finds the host.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${request.hostUuid}, 0))`;
  const known = await tx.host.findUnique({ where: { hardwareUuid: request.hostUuid } });
  const hostId = known?.id ?? uuidv7(now.getTime());
  if (known === null) await createHost(tx, hostId, input);
  else {
    await lockHost(tx, hostId);
    await updateHost(tx, hostId, input);
  }
  await giveLabels(tx, hostId, input);
  if (known?.retiredAt != null) await catchUp(tx, hostId, input);
  if (known === null) return { hostId, before: null };
  const { name, serial, model, simulated, retiredAt } = known;
  return { hostId, before: { name, serial, model, simulated, retiredAt: retiredAt?.toISOString() ?? null } };
}

/**
 * A Mac that had been taken out of the fleet still has the intent of then. What ended meanwhile, a policy or its exception, let go of all
 * its Macs but this one: both are asked again, and lead it back by a rollout like the others.
 */
async function catchUp(tx: Tx, hostId: string, { siteId, actor, now }: HostRowsInput): Promise<void> {
  await markRelabelled(tx, [hostId], now);
  const ended = await tx.$queryRaw<{ id: string }[]>`
    UPDATE risk_exception e SET ended_at = NULL FROM "grant" g JOIN intent i ON i.grant_id = g.id
    WHERE g.exception_id = e.id AND i.host_id = ${hostId}::uuid AND e.ended_at IS NOT NULL RETURNING e.id::text AS id`;
  for (const { id } of ended)
    await writeAudit(tx, {
      actor,
      action: 'exception.end_again',
      entity: 'exception',
      entityId: id,
      after: { hostId },
      at: now,
      siteId,
    });
}

async function giveLabels(tx: Tx, hostId: string, { siteId, labels, actor, now: at }: HostRowsInput): Promise<void> {
  const rows = await tx.hostLabel.findMany({ where: { hostId }, orderBy: { label: 'asc' } });
  const before = rows.map(({ label }) => label);
  const added = [...new Set(labels)].filter((label) => !before.includes(label));
  if (added.length === 0) return;
  await tx.hostLabel.createMany({ data: added.map((label) => ({ hostId, siteId, label })), skipDuplicates: true });
  await markRelabelled(tx, [hostId], at);
  await writeAudit(tx, {
    actor,
    action: 'host.label',
    entity: 'host',
    entityId: hostId,
    before: { labels: before },
    after: { labels: [...before, ...added].sort() },
    at,
    siteId,
  });
}

async function createHost(tx: Tx, hostId: string, { siteId, request, now }: HostRowsInput): Promise<void> {
  const { hostUuid: hardwareUuid, serial, model, simulated } = request;
  const name = request.name ?? serial ?? hardwareUuid;
  await tx.host.create({ data: { id: hostId, siteId, hardwareUuid, name, serial, model, simulated, enrolledAt: now } });
  await tx.hostReport.create({ data: { hostId, siteId } });
  await tx.hostState.create({ data: { hostId, siteId, stateSince: now, dueAt: now } });
  await tx.intent.create({ data: { hostId, siteId, number: 1, quota: QUOTA_STOCK, extraArgs: [], setAt: now } });
}

/** Its intent, report and history stay: it is the same Mac, with a new key. */
async function updateHost(tx: Tx, hostId: string, { request, now }: HostRowsInput): Promise<void> {
  const { name, serial, model, simulated } = request;
  await tx.host.update({
    where: { id: hostId },
    data: {
      simulated,
      retiredAt: null,
      forgottenAt: null,
      endReason: null,
      ...(name !== null && { name }),
      ...(serial !== null && { serial }),
      ...(model !== null && { model }),
    },
  });
  await tx.hostState.update({ where: { hostId }, data: { dueAt: now } });
}
