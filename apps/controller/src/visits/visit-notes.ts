/** What is written about a visit: a line of the host's timeline and an audit row, in the transaction of the change itself. */
import { type Tx, writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';

/** Other tools follow these words: they may become more, and never change. */
export const VISIT_EVENTS = [
  'visit.due',
  'visit.renewed',
  'visit.assigned',
  'visit.postponed',
  /** No new guests, please, and let those that run end. */
  'visit.drain',
  'visit.open',
  'visit.note',
  'visit.done',
  'visit.overdue',
  /** Heard of again after having been overdue. */
  'visit.back',
  'visit.cancelled',
  'visit.closed',
  'visit.withdrawn',
  /** The drain has ended: guests may run again. */
  'visit.over',
] as const;
export type VisitEvent = (typeof VISIT_EVENTS)[number];

export interface VisitNote {
  readonly siteId: string;
  readonly hostId: string;
  readonly visitId: string;
  readonly event: VisitEvent;
  readonly actor: string;
  readonly detail: Readonly<Record<string, string | null>>;
  readonly now: Date;
}

export async function noteVisit(
  tx: Tx,
  { siteId, hostId, visitId, event, actor, detail, now }: VisitNote,
): Promise<void> {
  await writeHostEvent(tx, { siteId, hostId, at: now, kind: event, detail: { visitId, actor, ...detail } });
  await writeAudit(tx, {
    actor,
    action: event,
    entity: 'visit',
    entityId: visitId,
    after: { hostId, ...detail },
    at: now,
    siteId,
  });
}
