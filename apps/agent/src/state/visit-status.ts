/**
 * What the status files say of a visit, for tools that run guests on this Mac: `drain` = take no new ones, `over` = they may run
 * again. It is told by the controller, and kept over a restart of the agent and of the Mac until the controller says otherwise.
 */
import type { VisitNotice } from '@headroom/proto';
import { isObject } from '../files.ts';

export type VisitStatus = {
  readonly visitId: string;
  readonly kind: string;
  readonly phase: string;
  /** When this agent learnt of it. */
  readonly since: string;
};

const OVER = 'over';

export function isDrained(visit: VisitStatus | null): boolean {
  return visit?.phase === 'drain';
}

/** After a check-in: a notice counts as it is; where there was one and is none any more, it is over. */
export function nextVisitStatus(
  before: VisitStatus | null,
  notice: VisitNotice | undefined,
  now: Date,
): VisitStatus | null {
  if (notice === undefined) {
    const ends = before !== null && before.phase !== OVER;
    return ends ? { ...before, phase: OVER, since: now.toISOString() } : before;
  }
  const { visitId, kind, phase } = notice;
  const isKnown = before !== null && before.visitId === visitId && before.kind === kind && before.phase === phase;
  return isKnown ? before : { visitId, kind, phase, since: now.toISOString() };
}

/** As it stood in a status file; null where it says nothing that can be read. */
export function readVisitStatus(status: Readonly<Record<string, unknown>> | null): VisitStatus | null {
  const visit = status?.['visit'];
  if (!isObject(visit)) return null;
  const { visitId, kind, phase, since } = visit;
  const isWhole = [visitId, kind, phase, since].every((part) => typeof part === 'string');
  return isWhole ? ({ visitId, kind, phase, since } as VisitStatus) : null;
}

/** For people; null when nothing is to be done. */
export function visitSentence(visit: VisitStatus | null): string | null {
  if (visit === null || !isDrained(visit)) return null;
  return `visit.drain: somebody is about to work at this Mac (${visit.kind} visit). Start no new guests.`;
}
