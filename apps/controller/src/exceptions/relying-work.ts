/**
 * What relies on an exception at the moment in which it is taken back: Macs that are wanted raised under it, and work under way. It ends
 * in the same transaction, and does not wait for an evaluation.
 */
import { writeHostEvents } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Tx } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { withdrawVisit } from '../visits/withdraw-visit.ts';

interface OpenPlan {
  readonly id: string;
  readonly hostId: string;
}

/** The plan writer is one. */
export interface PlanEnds {
  supersede(tx: Tx, plans: readonly OpenPlan[], now: Date, why: { actor: string; reason: string }): Promise<void>;
}

export interface EndOfConsent {
  readonly exceptionId: string;
  readonly siteId: string;
  readonly actor: string;
  /** Why the work ends, in words. */
  readonly reason: string;
  /** What the timeline of each Mac calls it. */
  readonly event: 'exception.revoked' | 'exception.needs_signature';
  readonly now: Date;
}

/**
 * $1 exception. Every Mac that its grants name, in host order, as the evaluator and rollouts lock them too, and before any grant: who
 * writes an intent or a plan under a grant does so with its host locked, so it comes before this and is found, or sees the end.
 */
export const LOCK_NAMED = `
  SELECT s.host_id FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.hardware_uuid IN (
    SELECT jsonb_array_elements_text(g.payload::jsonb -> 'hostUuids') FROM "grant" g WHERE g.exception_id = $1::uuid)
  ORDER BY s.host_id FOR UPDATE OF s`;

/** $1 exception. Macs of the fleet that are wanted raised under it. */
export const RELYING = `
  SELECT i.host_id::text AS "hostId" FROM intent i JOIN "grant" g ON g.id = i.grant_id JOIN host h ON h.id = i.host_id
  WHERE g.exception_id = $1::uuid AND h.retired_at IS NULL ORDER BY i.host_id`;

/** $1 exception. Plans that lower under it. */
export const LOWERING = `
  SELECT p.id::text AS id, p.host_id::text AS "hostId" FROM plan p JOIN "grant" g ON g.id = p.grant_id
  WHERE g.exception_id = $1::uuid AND p.state = 'open' ORDER BY p.host_id`;

/** $1 hosts. */
export const RAISE_VISITS = `
  SELECT host_id::text AS "hostId" FROM visit
  WHERE host_id = ANY($1::uuid[]) AND kind = 'raise' AND state IN ('due', 'open') ORDER BY host_id`;

export async function lockNamed(tx: Tx, exceptionId: string): Promise<void> {
  await tx.$queryRawUnsafe(LOCK_NAMED, exceptionId);
}

/** Macs that are wanted raised under it, in host order. */
export async function relyingOn(tx: Tx, exceptionId: string): Promise<readonly string[]> {
  const rows = await tx.$queryRawUnsafe<{ hostId: string }[]>(RELYING, exceptionId);
  return rows.map(({ hostId }) => hostId);
}

/**
 * Ends plans and raise visits that rely on it; the Macs that are wanted raised under it hear of it in their timelines and are evaluated
 * again. Gives these, for `tellRelying` after the commit. With the Macs locked.
 */
export async function endRelyingWork(tx: Tx, order: EndOfConsent, plans: PlanEnds): Promise<readonly string[]> {
  const { exceptionId, siteId, actor, reason, event: kind, now } = order;
  const hostIds = await relyingOn(tx, exceptionId);
  await plans.supersede(tx, await tx.$queryRawUnsafe<OpenPlan[]>(LOWERING, exceptionId), now, { actor, reason });
  for (const { hostId } of await tx.$queryRawUnsafe<{ hostId: string }[]>(RAISE_VISITS, hostIds))
    await withdrawVisit(tx, { siteId, hostId, reason, actor, now, kind: 'raise' });
  await markDue(tx, hostIds, now);
  await writeHostEvents(
    tx,
    hostIds.map((hostId) => ({ siteId, hostId, at: now, kind, detail: { exceptionId } })),
  );
  return hostIds;
}

/** Their agents take `raise` away at once, and not at their next check-in. */
export function tellRelying(bus: ControllerBus, hostIds: readonly string[]): void {
  for (const hostId of hostIds) {
    bus.publish({ kind: 'due', hostId });
    bus.publish({ kind: 'notice', hostId });
  }
}
