import type { Tx } from '../db/database.ts';
import { noteVisit } from './visit-notes.ts';

export interface Withdrawal {
  readonly siteId: string;
  readonly hostId: string;
  readonly reason: string;
  readonly actor: string;
  readonly now: Date;
}

/** Ends the visit of a host whose work ends, and its drain: nobody shall wait for either. With the host locked. */
export async function withdrawVisit(tx: Tx, { siteId, hostId, reason, actor, now }: Withdrawal): Promise<void> {
  const visit = await tx.visit.findFirst({ where: { hostId, state: { in: ['due', 'open'] } } });
  if (visit === null) return;
  const { id: visitId, kind, drainAt } = visit;
  await tx.visit.update({ where: { id: visitId }, data: { state: 'withdrawn', closedAt: now, code: null } });
  const note = { siteId, hostId, visitId, actor, detail: { kind, reason }, now };
  await noteVisit(tx, { ...note, event: 'visit.withdrawn' });
  if (drainAt !== null) await noteVisit(tx, { ...note, event: 'visit.over' });
}
