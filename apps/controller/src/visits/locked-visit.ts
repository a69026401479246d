import { visitEtag } from '../api/etag.ts';
import { Problem } from '../common/problem.ts';
import type { Tx } from '../db/database.ts';

export type VisitRecord = Awaited<ReturnType<Tx['visit']['findUniqueOrThrow']>>;

/** Locks the host's state row first, as everybody who writes about a host does, then reads the visit. */
export async function lockVisit(tx: Tx, id: string): Promise<VisitRecord> {
  await tx.$queryRaw`
    SELECT 1 FROM host_state WHERE host_id = (SELECT host_id FROM visit WHERE id = ${id}::uuid) FOR UPDATE`;
  const visit = await tx.visit.findUnique({ where: { id } });
  if (visit === null) throw new Problem('NOT_FOUND', `There is no visit ${id}.`);
  return visit;
}

/** The same, of a visit in which something is left to do. */
export async function lockOpenVisit(tx: Tx, id: string): Promise<VisitRecord> {
  const visit = await lockVisit(tx, id);
  if (visit.state === 'due' || visit.state === 'open') return visit;
  throw new Problem('VISIT_NOT_OPEN', `The visit is ${visit.state}; nothing is left to do in it.`);
}

/** Of the row, as the route that shows it makes it of its view. */
export function etagOfVisit({ state, owner, dueAt, openedAt, doneAt, drainAt }: VisitRecord): string {
  const text = (at: Date | null) => at?.toISOString() ?? null;
  return visitEtag({
    state,
    owner,
    dueAt: text(dueAt),
    openedAt: text(openedAt),
    doneAt: text(doneAt),
    drainedSince: text(drainAt),
  });
}
