/**
 * What is planned about a visit before somebody goes: who, when, that its Mac takes no new guests, and that it is put back.
 * Two people may collide here, so each takes the ETag that its caller saw.
 */
import { requireMatch } from '../api/etag.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { etagOfVisit, lockOpenVisit, type VisitRecord } from './locked-visit.ts';
import { noteVisit, type VisitEvent } from './visit-notes.ts';

export interface PlanningOrder {
  readonly id: string;
  readonly actor: string;
  readonly now: Date;
  readonly ifMatch: string | null;
}

type Change = (tx: Tx, visit: VisitRecord, note: Note) => Promise<unknown>;
type Note = (event: VisitEvent, detail: Record<string, string | null>) => Promise<void>;

export class VisitPlanning {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  /** null = nobody's any more. */
  async assign(order: PlanningOrder, owner: string | null): Promise<void> {
    await this.change(order, async (tx, visit, note) => {
      if (visit.owner === owner) return;
      await tx.visit.update({ where: { id: visit.id }, data: { owner } });
      await note('visit.assigned', { owner, before: visit.owner });
    });
  }

  async postpone(order: PlanningOrder, dueAt: Date, reason: string | null): Promise<void> {
    if (dueAt <= order.now)
      throw invalid([{ path: 'body.dueAt', message: `must be after now, ${order.now.toISOString()}` }]);
    await this.change(order, async (tx, visit, note) => {
      const before = visit.dueAt?.toISOString() ?? null;
      await tx.visit.update({ where: { id: visit.id }, data: { dueAt } });
      await note('visit.postponed', { dueAt: dueAt.toISOString(), before, reason });
    });
  }

  /** Asks the Mac, and who runs guests on it, to take no new ones. Said once; to open the visit says it too. */
  async drain(order: PlanningOrder): Promise<void> {
    const visit = await this.change(order, async (tx, { id, kind, drainAt }, note) => {
      if (drainAt !== null) return;
      await tx.visit.update({ where: { id }, data: { drainAt: order.now } });
      await note('visit.drain', { kind });
    });
    this.bus.publish({ kind: 'notice', hostId: visit.hostId });
  }

  /** Nobody goes now: the drain is over, and an opened visit is due again. Its code is void here, though a printed one lives on. */
  async cancel(order: PlanningOrder, reason: string): Promise<void> {
    const visit = await this.change(order, async (tx, { id, hostId, kind, state, drainAt }, note) => {
      if (state !== 'open' && drainAt === null)
        throw new Problem('VISIT_NOT_OPEN', 'The visit is neither open nor drained: there is nothing to cancel.');
      const unopened = { openedAt: null, openedBy: null, doneAt: null, doneBy: null, overdueAt: null, drainAt: null };
      await tx.visit.update({ where: { id }, data: { state: 'due', code: null, ...unopened } });
      await note('visit.cancelled', { kind, reason });
      if (drainAt !== null) await note('visit.over', { kind });
      await markDue(tx, [hostId], order.now);
    });
    this.bus.publish({ kind: 'due', hostId: visit.hostId });
    this.bus.publish({ kind: 'notice', hostId: visit.hostId });
  }

  private change({ id, actor, now, ifMatch }: PlanningOrder, change: Change): Promise<VisitRecord> {
    const { siteId } = this.database;
    return this.database.transaction(async (tx) => {
      const visit = await lockOpenVisit(tx, id);
      requireMatch(ifMatch, etagOfVisit(visit));
      const { hostId } = visit;
      await change(tx, visit, (event, detail) =>
        noteVisit(tx, { siteId, hostId, visitId: id, event, actor, detail, now }),
      );
      return visit;
    });
  }
}
