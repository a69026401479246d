import type { EvidencePiece, HostState, Presence, VisitKind } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { writeHostEvent } from '../db/host-events.ts';
import type { PlacedKit, VisitRow } from '../evaluator/host-input.ts';

export interface VisitNeed {
  readonly hostId: string;
  readonly open: VisitRow | null;
  readonly wanted: { readonly kind: VisitKind; readonly reason: string } | null;
  readonly kit: PlacedKit | null;
  /** The open visit was made for something that is not wanted any more. */
  readonly obsolete: boolean;
  readonly state: HostState;
  readonly presence: Presence;
  readonly evidence: readonly EvidencePiece[];
}

const ACTOR = 'system:evaluator';

/** Writes the visits that evaluation asks for: one open for each host, ended by evidence, never by what a person says. */
export class VisitWriter {
  constructor(private readonly database: Database) {}

  async reconcile(tx: Tx, need: VisitNeed, now: Date): Promise<void> {
    const { open, wanted } = need;
    if (open === null) {
      if (wanted !== null) await this.create(tx, need, wanted, now);
      return;
    }
    if (wanted?.kind === open.kind && !need.obsolete) return this.keep(tx, need, open, now);
    // Silence is no evidence: a Mac that is in recoveryOS right now must find its visit as it left it.
    if (!need.obsolete && need.presence !== 'online') return;
    await this.end(tx, need, now);
    if (wanted !== null) await this.create(tx, need, wanted, now);
  }

  /** The visit stays; a kit that was placed anew needs a new code, as the one before would be refused on the Mac. */
  private async keep(tx: Tx, { hostId, kit }: VisitNeed, open: VisitRow, now: Date): Promise<void> {
    if (open.kind !== 'raise' || kit === null || isFor(open, kit)) return;
    await tx.visit.update({
      where: { id: open.id },
      data: { ...kitFields(kit), state: 'due', code: null, openedAt: null },
    });
    await this.note(tx, hostId, open.id, 'visit.renewed', { reason: 'the visit kit was placed anew' }, now);
  }

  private async create(tx: Tx, need: VisitNeed, wanted: NonNullable<VisitNeed['wanted']>, now: Date): Promise<void> {
    const { hostId, kit } = need;
    const forRaise = wanted.kind === 'raise' ? kit : null;
    const known = forRaise !== null && (await tx.visit.count({ where: { id: forRaise.visitId } })) > 0;
    const id = forRaise !== null && !known ? forRaise.visitId : uuidv7(now.getTime());
    await tx.visit.create({
      data: {
        id,
        siteId: this.database.siteId,
        hostId,
        kind: wanted.kind,
        state: 'due',
        reason: wanted.reason,
        createdAt: now,
        ...(forRaise !== null && kitFields(forRaise)),
      },
    });
    await this.note(tx, hostId, id, 'visit.due', { kind: wanted.kind, reason: wanted.reason }, now);
  }

  private async end(tx: Tx, need: VisitNeed, now: Date): Promise<void> {
    const { open, hostId, obsolete, evidence } = need;
    if (open === null) return;
    const goal = open.kind === 'revert' ? 'reverted' : 'raised';
    const reached = !obsolete && (open.openedAt !== null || need.state === goal);
    const state = reached ? 'closed' : 'withdrawn';
    const seen = toJson({ state: need.state, pieces: evidence });
    await tx.visit.update({ where: { id: open.id }, data: { state, closedAt: now, evidence: seen, code: null } });
    await this.note(tx, hostId, open.id, `visit.${state}`, { kind: open.kind, hostState: need.state }, now);
  }

  private async note(tx: Tx, hostId: string, id: string, kind: string, detail: Record<string, string>, now: Date) {
    const { siteId } = this.database;
    await writeHostEvent(tx, { siteId, hostId, at: now, kind, detail: { visitId: id, ...detail } });
    await writeAudit(tx, {
      actor: ACTOR,
      action: kind,
      entity: 'visit',
      entityId: id,
      after: { hostId, ...detail },
      at: now,
      siteId,
    });
  }
}

function isFor(visit: VisitRow, { quota, bootArgs, kcMd5, expiresAt }: PlacedKit): boolean {
  return (
    visit.quota === quota &&
    visit.bootArgs === bootArgs &&
    visit.kcMd5 === kcMd5 &&
    visit.expiresAt?.getTime() === Date.parse(expiresAt)
  );
}

function kitFields({ quota, bootArgs, kcMd5, expiresAt }: PlacedKit) {
  return { quota, bootArgs, kcMd5, expiresAt: new Date(expiresAt) };
}
