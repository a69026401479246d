import { QUOTA_STOCK } from '@headroom/core';
import { writeAudits, writeHostEvents } from '../audit/write-many.ts';
import type { Tx } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { hostUuidsOf } from '../exceptions/grant-check.ts';
import { FLIP_INTENTS, SUPERSEDE_OLDER } from './rollout-sql.ts';

export interface Flip {
  readonly siteId: string;
  readonly rolloutId: string;
  /** Null = stock. */
  readonly revisionId: string | null;
  /** Locked by the caller with all their live targets; those of this rollout still pending. */
  readonly hostIds: readonly string[];
  readonly now: Date;
}

interface Revision {
  readonly id: string | null;
  readonly quota: number;
  readonly extraArgs: readonly string[];
}

const STOCK: Revision = { id: null, quota: QUOTA_STOCK, extraArgs: [] };

interface Flipped {
  readonly hostId: string;
  readonly number: number;
  /** Before: number and quota. */
  readonly was: { readonly number: number; readonly quota: number };
}

/**
 * Sets the intent of each host to the rollout's revision and marks it due; older rollouts lose these hosts. A host that no
 * valid grant names keeps its intent, and its target fails. Returns the hosts that were set.
 */
export async function flipIntents(tx: Tx, flip: Flip): Promise<readonly string[]> {
  const { rolloutId, revisionId, hostIds, now } = flip;
  const revision =
    revisionId === null ? STOCK : await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId } });
  const grants =
    revision.quota === QUOTA_STOCK || revisionId === null ? null : await grantsOf(tx, revisionId, hostIds, now);
  const covered = hostIds.filter((hostId) => grants === null || grants.has(hostId));
  await tx.rolloutTarget.updateMany({
    where: { rolloutId, hostId: { in: hostIds.filter((hostId) => !covered.includes(hostId)) } },
    data: {
      state: 'failed',
      reason: 'No valid grant names this Mac: approve an exception that does.',
      endedAt: now,
      notedAt: now,
    },
  });
  if (covered.length === 0) return [];
  const flips = covered.map((host_id) => ({ host_id, grant_id: grants?.get(host_id) ?? null }));
  const flipped = await writeIntents(tx, flip, revision, flips);
  const reason = `The newer rollout ${rolloutId} set what is wanted of this Mac.`;
  await tx.$executeRawUnsafe(SUPERSEDE_OLDER, covered, rolloutId, reason, now);
  await tx.rolloutTarget.updateMany({
    where: { rolloutId, hostId: { in: covered } },
    data: { state: 'opened', openedAt: now, notedAt: now },
  });
  await markDue(tx, covered, now);
  await record(tx, flip, revision, flipped);
  return covered;
}

async function writeIntents(
  tx: Tx,
  { siteId, rolloutId, now }: Flip,
  { id, quota, extraArgs }: Revision,
  flips: readonly { readonly host_id: string; readonly grant_id: string | null }[],
): Promise<readonly Flipped[]> {
  const before = await tx.intent.findMany({ where: { hostId: { in: flips.map(({ host_id }) => host_id) } } });
  const values = [JSON.stringify(flips), siteId, id, quota, extraArgs, rolloutId, now];
  const after = await tx.$queryRawUnsafe<{ hostId: string; number: number }[]>(FLIP_INTENTS, ...values);
  const known = new Map(before.map((intent) => [intent.hostId, intent]));
  return after.map(({ hostId, number }) => {
    const { number: oldNumber = 0, quota: oldQuota = QUOTA_STOCK } = known.get(hostId) ?? {};
    return { hostId, number, was: { number: oldNumber, quota: oldQuota } };
  });
}

async function record(
  tx: Tx,
  { siteId, rolloutId, now: at }: Flip,
  { id: revisionId, quota }: Revision,
  flipped: readonly Flipped[],
): Promise<void> {
  await writeAudits(
    tx,
    flipped.map(({ hostId, number, was }) => ({
      actor: `rollout:${rolloutId}`,
      action: 'intent.set',
      entity: 'intent',
      entityId: hostId,
      before: was,
      after: { number, quota, revisionId },
      at,
      siteId,
    })),
  );
  await writeHostEvents(
    tx,
    flipped.map(({ hostId, number }) => ({ siteId, hostId, at, kind: 'intent', detail: { number, quota, rolloutId } })),
  );
}

/**
 * Newest valid grant of this revision for each host that one names. Who revokes locks the states of the hosts that a grant names
 * first: with them locked here, a revocation at the same moment is seen, or waits for these intents and then finds their hosts.
 */
export async function grantsOf(tx: Tx, revisionId: string, hostIds: readonly string[], now: Date) {
  const exceptions = await tx.riskException.findMany({ where: { policyRevisionId: revisionId }, select: { id: true } });
  const exceptionIds = exceptions.map(({ id }) => id);
  const grants = await tx.grant.findMany({
    where: { exceptionId: { in: exceptionIds }, revokedAt: null, expiresAt: { gt: now } },
    orderBy: { id: 'asc' },
  });
  const named = grants.map(({ id, payload }) => ({ id, hostUuids: hostUuidsOf(payload) }));
  const hosts = await tx.host.findMany({
    where: { id: { in: [...hostIds] } },
    select: { id: true, hardwareUuid: true },
  });
  const found = new Map<string, string>();
  for (const host of hosts) {
    const grant = named.findLast(({ hostUuids }) => hostUuids.has(host.hardwareUuid));
    if (grant !== undefined) found.set(host.id, grant.id);
  }
  return found;
}
