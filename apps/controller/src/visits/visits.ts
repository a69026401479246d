import { createHash, randomBytes } from 'node:crypto';
import { type VisitKind, visitCode, visitRandom } from '@headroom/core';
import { requireMatch } from '../api/etag.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { etagOfVisit, lockOpenVisit, lockVisit, type VisitRecord } from './locked-visit.ts';
import { requireConsent } from './visit-consent.ts';
import { INSTRUCTIONS, lineOf } from './visit-lines.ts';
import { noteVisit, type VisitEvent } from './visit-notes.ts';

export interface OpenedVisit {
  readonly id: string;
  readonly hostId: string;
  readonly kind: string;
  readonly code: string | null;
  /** What the person does: in recoveryOS for a raise or a revert, at the desk or over SSH for a restart. */
  readonly instruction: string;
  readonly line: string | null;
  readonly openedAt: Date;
}

/** What people do at a Mac: open its visit, leave notes, say that they are done. Only evidence ends a visit. */
export class Visits {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  /** Opens a visit, once; asking again gives the same code. The code exists from this moment on, and the Mac is drained. */
  async open(id: string, actor: string, now: Date, ifMatch: string | null = null): Promise<OpenedVisit> {
    const opened = await this.database.transaction(async (tx) => {
      const visit = await lockOpenVisit(tx, id);
      requireMatch(ifMatch, etagOfVisit(visit));
      if (visit.kind === 'raise') await requireConsent(tx, visit, now);
      if (visit.state === 'open' && visit.openedAt !== null) return openedVisit(visit, visit.code, visit.openedAt);
      const code = visit.kind === 'raise' ? await makeCode(tx, visit) : null;
      const { hostId, kind } = visit;
      const drainAt = visit.drainAt ?? now;
      const open = { state: 'open', code, openedAt: now, lastOpenedAt: now, openedBy: actor, drainAt };
      await tx.visit.update({ where: { id }, data: open });
      if (visit.drainAt == null) await this.note(tx, visit, 'visit.drain', actor, { kind }, now);
      await this.note(tx, visit, 'visit.open', actor, { kind }, now);
      await markDue(tx, [hostId], now);
      return openedVisit(visit, code, now);
    });
    this.bus.publish({ kind: 'due', hostId: opened.hostId });
    this.bus.publish({ kind: 'notice', hostId: opened.hostId });
    return opened;
  }

  /** A line in the timeline. No word in it changes a state; of an open visit, "done" starts the window of `done`. */
  async addNote(id: string, text: string, actor: string, now: Date): Promise<void> {
    const hostId = await this.database.transaction(async (tx) => {
      const visit = await lockVisit(tx, id);
      await this.note(tx, visit, 'visit.note', actor, { text }, now);
      if (visit.openedAt === null || visit.state !== 'open' || !/^done[.!]?$/i.test(text)) return null;
      await this.startWindow(tx, visit, actor, now);
      return visit.hostId;
    });
    if (hostId !== null) this.bus.publish({ kind: 'due', hostId });
  }

  /**
   * "The work at the Mac is done": from now on it is expected to be heard of within minutes, else it is overdue. It proves
   * nothing and ends nothing. Said again, the window starts again.
   */
  async done(id: string, actor: string, now: Date): Promise<void> {
    const hostId = await this.database.transaction(async (tx) => {
      const visit = await lockOpenVisit(tx, id);
      if (visit.openedAt === null)
        throw new Problem(
          'VISIT_NOT_OPEN',
          'Nobody has opened the visit yet, so nothing can be done in it: open it first.',
        );
      await this.startWindow(tx, visit, actor, now);
      return visit.hostId;
    });
    this.bus.publish({ kind: 'due', hostId });
  }

  private async startWindow(tx: Tx, visit: VisitRecord, actor: string, now: Date): Promise<void> {
    await tx.visit.update({ where: { id: visit.id }, data: { doneAt: now, doneBy: actor, overdueAt: null } });
    await this.note(tx, visit, 'visit.done', actor, { kind: visit.kind }, now);
    await markDue(tx, [visit.hostId], now);
  }

  private note(
    tx: Tx,
    { id: visitId, hostId }: VisitRecord,
    event: VisitEvent,
    actor: string,
    detail: Record<string, string>,
    now: Date,
  ): Promise<void> {
    return noteVisit(tx, { siteId: this.database.siteId, hostId, visitId, event, actor, detail, now });
  }
}

/** 25 random bits that only we know until now, then 25 bits of md5 over everything the visit may change. */
async function makeCode(tx: Tx, visit: VisitRecord): Promise<string> {
  const { quota, bootArgs, kcMd5, expiresAt } = visit;
  if (quota === null || bootArgs === null || kcMd5 === null || expiresAt === null)
    throw new Problem('VISIT_NOT_OPEN', 'The visit kit is not on the Mac yet: wait until its plan has placed it.');
  const { hardwareUuid } = await tx.host.findUniqueOrThrow({ where: { id: visit.hostId } });
  return visitCode(
    {
      random: visitRandom(randomBytes(4)),
      kcMd5,
      hostUuid: hardwareUuid,
      quota,
      bootArgs,
      expiresAt: expiresAt.toISOString(),
    },
    (text) => createHash('md5').update(text, 'utf8').digest('hex'),
  );
}

function openedVisit({ id, hostId, kind }: VisitRecord, code: string | null, openedAt: Date): OpenedVisit {
  const known = kind as VisitKind;
  return { id, hostId, kind, code, instruction: INSTRUCTIONS[known], line: lineOf(known, code), openedAt };
}
