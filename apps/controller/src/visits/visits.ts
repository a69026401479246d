import { createHash, randomBytes } from 'node:crypto';
import { type VisitKind, visitCode, visitRandom } from '@headroom/core';
import { requireMatch, visitEtag } from '../api/etag.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';

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

/** What a person types in the Terminal of recoveryOS. */
export function visitLine(code: string): string {
  return `sh /Volumes/*/Library/Headroom/raise ${code}`;
}

const RAISE_INSTRUCTION =
  'Shut down, hold the power button until "Loading startup options", choose Options, sign in as an owner, open Utilities > Terminal and type the line.';
/** Takes back what a raise lowered. It lowers nothing, so it needs no code and no consent. */
const REVERT_LINE = 'sh /Volumes/*/Library/Headroom/revert';
const REVERT_INSTRUCTION =
  'Shut down, hold the power button until "Loading startup options", choose Options, sign in as an owner, open Utilities > Terminal and type the line. If it is not found there: type csrutil enable, answer y, then reboot.';
const RESTART_INSTRUCTION = 'Restart the Mac. Nothing has to be typed; with FileVault somebody unlocks it afterwards.';

const INSTRUCTIONS: Readonly<Record<VisitKind, string>> = {
  raise: RAISE_INSTRUCTION,
  restart: RESTART_INSTRUCTION,
  revert: REVERT_INSTRUCTION,
};

/** What people do with visits: open them and leave notes. Only evidence ends one. */
export class Visits {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  /** Opens a visit, once; asking again gives the same code. The code exists from this moment on. */
  async open(id: string, actor: string, now: Date, ifMatch: string | null = null): Promise<OpenedVisit> {
    const opened = await this.database.transaction(async (tx) => {
      const visit = await lockVisit(tx, id);
      requireMatch(ifMatch, visitEtag({ state: visit.state, openedAt: visit.openedAt?.toISOString() ?? null }));
      if (visit.state !== 'due' && visit.state !== 'open')
        throw new Problem('VISIT_NOT_OPEN', `The visit is ${visit.state}; nothing is left to do in it.`);
      if (visit.state === 'open' && visit.openedAt !== null) return openedVisit(visit, visit.code, visit.openedAt);
      const code = visit.kind === 'raise' ? await makeCode(tx, visit, now) : null;
      await tx.visit.update({ where: { id }, data: { state: 'open', code, openedAt: now, openedBy: actor } });
      await this.note(tx, visit.hostId, id, 'visit.open', actor, { kind: visit.kind }, now);
      await markDue(tx, [visit.hostId], now);
      return openedVisit(visit, code, now);
    });
    this.bus.publish({ kind: 'due', hostId: opened.hostId });
    return opened;
  }

  /** A line in the timeline. No word in it, "done" included, changes any state. */
  async addNote(id: string, text: string, actor: string, now: Date): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { hostId } = await lockVisit(tx, id);
      await this.note(tx, hostId, id, 'visit.note', actor, { text }, now);
    });
  }

  private async note(
    tx: Tx,
    hostId: string,
    id: string,
    kind: string,
    actor: string,
    detail: Record<string, string>,
    now: Date,
  ): Promise<void> {
    const { siteId } = this.database;
    await writeHostEvent(tx, { siteId, hostId, at: now, kind, detail: { visitId: id, actor, ...detail } });
    await writeAudit(tx, {
      actor,
      action: kind,
      entity: 'visit',
      entityId: id,
      after: { hostId, ...detail },
      at: now,
      siteId,
    });
  }
}

type VisitRecord = Awaited<ReturnType<Tx['visit']['findUniqueOrThrow']>>;

/** Locks the host's state row first, as everybody who writes about a host does, then reads the visit. */
async function lockVisit(tx: Tx, id: string): Promise<VisitRecord> {
  await tx.$queryRaw`
    SELECT 1 FROM host_state WHERE host_id = (SELECT host_id FROM visit WHERE id = ${id}::uuid) FOR UPDATE`;
  const visit = await tx.visit.findUnique({ where: { id } });
  if (visit === null) throw new Problem('NOT_FOUND', `There is no visit ${id}.`);
  return visit;
}

/** 25 random bits that only we know until now, then 25 bits of md5 over everything the visit may change. */
async function makeCode(tx: Tx, visit: VisitRecord, now: Date): Promise<string> {
  const { quota, bootArgs, kcMd5, expiresAt } = visit;
  if (quota === null || bootArgs === null || kcMd5 === null || expiresAt === null)
    throw new Problem('VISIT_NOT_OPEN', 'The visit kit is not on the Mac yet: wait until its plan has placed it.');
  if (expiresAt <= now)
    throw new Problem('GRANT_EXPIRED', `The consent for this visit ended at ${expiresAt.toISOString()}.`);
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
  return {
    id,
    hostId,
    kind,
    code,
    instruction: INSTRUCTIONS[kind as VisitKind],
    line: kind === 'revert' ? REVERT_LINE : code === null ? null : visitLine(code),
    openedAt,
  };
}
