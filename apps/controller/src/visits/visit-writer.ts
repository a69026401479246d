import {
  defaultDueAt,
  type EvidencePiece,
  type FileVaultStatus,
  type HostState,
  overdueCauses,
  type Presence,
  type VisitKind,
} from '@headroom/core';
import { toJson } from '../audit/json.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import type { PlacedKit, VisitRow } from '../evaluator/host-input.ts';
import { noteVisit, type VisitEvent } from './visit-notes.ts';

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
  readonly fileVault: FileVaultStatus | null;
}

/** Has the agent to be told that guests may run again? */
export interface Reconciled {
  readonly drainIsOver: boolean;
}

const ACTOR = 'system:evaluator';
const OVERDUE_STATES: readonly HostState[] = ['waiting_for_unlock', 'failed_boot'];
const STOCK_STATES: readonly HostState[] = ['reverted', 'not_started'];
const PREPARATION: readonly HostState[] = ['not_started', 'kdk_missing', 'kdk_ready', 'kc_staged', 'ready_for_visit'];
const NOTHING_TO_TELL: Reconciled = { drainIsOver: false };

/** Writes the visits that evaluation asks for: one open for each host, ended by evidence, never by what a person says. */
export class VisitWriter {
  constructor(private readonly database: Database) {}

  async reconcile(tx: Tx, need: VisitNeed, now: Date): Promise<Reconciled> {
    const { open, wanted } = need;
    if (open === null) {
      if (wanted !== null) await this.create(tx, need, wanted, now);
      return NOTHING_TO_TELL;
    }
    if (wanted?.kind === open.kind && !need.obsolete) {
      await this.keep(tx, need, open, now);
      return NOTHING_TO_TELL;
    }
    // Silence is no evidence: a Mac that is in recoveryOS right now must find its visit as it left it.
    if (!need.obsolete && need.presence !== 'online') return NOTHING_TO_TELL;
    await this.end(tx, need, open, now);
    if (wanted !== null) await this.create(tx, need, wanted, now);
    return { drainIsOver: open.drainAt != null };
  }

  /** The visit stays; a kit that was placed anew needs a new code, as the one before would be refused on the Mac. */
  private async keep(tx: Tx, need: VisitNeed, open: VisitRow, now: Date): Promise<void> {
    const { hostId, kit } = need;
    if (open.kind !== 'raise' || kit === null || isFor(open, kit)) return this.keepTime(tx, need, open, now);
    await tx.visit.update({
      where: { id: open.id },
      data: {
        ...kitFields(kit),
        state: 'due',
        code: null,
        openedAt: null,
        doneAt: null,
        doneBy: null,
        overdueAt: null,
      },
    });
    await this.note(tx, hostId, open.id, 'visit.renewed', { reason: 'the visit kit was placed anew' }, now);
  }

  /** Says once that a Mac is overdue, and once that it is back. */
  private async keepTime(tx: Tx, need: VisitNeed, open: VisitRow, now: Date): Promise<void> {
    const { hostId, state, presence, fileVault } = need;
    const { id, kind } = open;
    const wasOverdue = open.overdueAt != null;
    if (OVERDUE_STATES.includes(state) && !wasOverdue) {
      const causes = overdueCauses(kind, fileVault).map((cause) => cause.id);
      await tx.visit.update({ where: { id }, data: { overdueAt: now } });
      await this.note(tx, hostId, id, 'visit.overdue', { kind, hostState: state, causes: causes.join(' ') }, now);
    } else if (wasOverdue && presence === 'online') {
      await tx.visit.update({ where: { id }, data: { overdueAt: null } });
      await this.note(tx, hostId, id, 'visit.back', { kind, hostState: state }, now);
    }
  }

  private async create(tx: Tx, need: VisitNeed, wanted: NonNullable<VisitNeed['wanted']>, now: Date): Promise<void> {
    const { hostId, kit } = need;
    const { kind, reason } = wanted;
    const forRaise = kind === 'raise' ? kit : null;
    const known = forRaise !== null && (await tx.visit.count({ where: { id: forRaise.visitId } })) > 0;
    const id = forRaise !== null && !known ? forRaise.visitId : uuidv7(now.getTime());
    const fields = forRaise === null ? null : kitFields(forRaise);
    const dueAt = defaultDueAt(kind, now, fields?.expiresAt ?? null);
    const { siteId } = this.database;
    await tx.visit.create({
      data: { id, siteId, hostId, kind, state: 'due', reason, createdAt: now, dueAt, ...fields },
    });
    await this.note(tx, hostId, id, 'visit.due', { kind, reason, dueAt: dueAt.toISOString() }, now);
  }

  private async end(tx: Tx, need: VisitNeed, open: VisitRow, now: Date): Promise<void> {
    const { hostId, obsolete, evidence } = need;
    const { id, kind } = open;
    const state = !obsolete && isReached(need, open) ? 'closed' : 'withdrawn';
    const seen = toJson({ state: need.state, pieces: evidence });
    await tx.visit.update({ where: { id }, data: { state, closedAt: now, evidence: seen, code: null } });
    const detail = { kind, hostState: need.state };
    await this.note(tx, hostId, id, `visit.${state}`, detail, now);
    if (open.drainAt != null) await this.note(tx, hostId, id, 'visit.over', detail, now);
  }

  private note(
    tx: Tx,
    hostId: string,
    visitId: string,
    event: VisitEvent,
    detail: Record<string, string>,
    now: Date,
  ): Promise<void> {
    return noteVisit(tx, { siteId: this.database.siteId, hostId, visitId, event, actor: ACTOR, detail, now });
  }
}

/**
 * Did evidence end it? An opened visit that is not wanted any more for another reason (an update appeared, nobody gets there now) was
 * not made. A Mac that was being prepared has to have left that behind, in a boot after the visit was opened.
 */
function isReached({ state, wanted, evidence }: VisitNeed, { kind, openedAt }: VisitRow): boolean {
  const isOpened = openedAt !== null;
  if (kind === 'recover') return isOpened;
  if (kind === 'revert') return STOCK_STATES.includes(state) || (isOpened && wanted?.kind === 'restart');
  const booted = evidence.find(({ id }) => id === 'boot_after_visit')?.holds !== false;
  return state === 'raised' || (isOpened && booted && !PREPARATION.includes(state));
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
