import type { VisitKind } from '@headroom/core';
import type { Tx } from '../db/database.ts';
import { noteVisit } from './visit-notes.ts';

export interface Withdrawal {
  readonly siteId: string;
  readonly hostId: string;
  readonly reason: string;
  readonly actor: string;
  readonly now: Date;
  /** Only of this kind. Absent = any. */
  readonly kind?: VisitKind;
}

/** Ends the visit of a host whose work ends, and its drain: nobody shall wait for either. With the host locked. */
export async function withdrawVisit(tx: Tx, { kind: only, ...order }: Withdrawal): Promise<void> {
  const { siteId, hostId, reason, actor, now } = order;
  const visit = await tx.visit.findFirst({
    where: { hostId, state: { in: ['due', 'open'] }, ...(only !== undefined && { kind: only }) },
  });
  if (visit === null) return;
  const { id: visitId, kind, drainAt } = visit;
  await tx.visit.update({ where: { id: visitId }, data: { state: 'withdrawn', closedAt: now, code: null } });
  const note = { siteId, hostId, visitId, actor, detail: { kind, reason }, now };
  await noteVisit(tx, { ...note, event: 'visit.withdrawn' });
  if (drainAt !== null) await noteVisit(tx, { ...note, event: 'visit.over' });
}
