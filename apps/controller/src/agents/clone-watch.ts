/**
 * Two Macs with one identity. What gives them away: another hardware UUID under the same certificate, or a boot session that comes
 * back after a newer one, which no Mac alone can do. Both hints are kept for whoever has to find the two.
 */
import { toJson } from '../audit/json.ts';
import { Clock } from '../common/clock.ts';
import { firstIdAt } from '../common/ids.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';
import type { Caller } from './caller.ts';

/** One of the two, as far as we see it. */
export interface MacHint {
  readonly hardwareUuid: string;
  readonly bootSessionId: string;
  readonly agentVersion: string;
  readonly address: string;
}

export interface CloneHint {
  readonly at: string;
  readonly reason: string;
  readonly macs: readonly [MacHint, MacHint];
}

/** How far back sessions are compared, and how often one clone is written down. */
const SESSIONS_COMPARED = 10;
const COMPARED_MS = 3_600_000;
const REPEAT_MS = 600_000;

export class CloneWatch {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** The certificate of this host was shown by a Mac with another hardware UUID. true = the host was marked due. */
  async noteOtherMac(caller: Caller, seen: MacHint): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const [last] = await this.lastSessions(tx, caller.hostId);
      const known: MacHint = { ...(last ?? NOTHING), hardwareUuid: caller.hardwareUuid };
      return this.note(tx, caller.hostId, 'another hardware UUID shows the certificate of this host', [known, seen]);
    });
  }

  /** Call it before the new session is written. true = the host was marked due. */
  async noteSession(tx: Tx, { hostId }: Caller, opening: MacHint): Promise<boolean> {
    const { bootSessionId } = opening;
    const [last, ...older] = await this.lastSessions(tx, hostId);
    if (last === undefined || bootSessionId === '' || last.bootSessionId === '' || last.bootSessionId === bootSessionId)
      return false;
    if (!older.some((session) => session.bootSessionId === bootSessionId)) return false;
    return this.note(tx, hostId, 'a boot session came back after a newer one', [last, opening]);
  }

  private async lastSessions(tx: Tx, hostId: string): Promise<readonly MacHint[]> {
    const since = new Date(this.clock.now().getTime() - COMPARED_MS);
    const sessions = await tx.hostEvent.findMany({
      // The id says the time once more, to the index: a Mac may have thousands of lines in a month.
      where: { hostId, kind: 'session', at: { gte: since }, id: { gte: firstIdAt(since.getTime()) } },
      orderBy: { id: 'desc' },
      take: SESSIONS_COMPARED,
      select: { detail: true },
    });
    return sessions.map(({ detail }) => ({ ...NOTHING, ...(detail as Partial<MacHint>) }));
  }

  private async note(tx: Tx, hostId: string, reason: string, macs: readonly [MacHint, MacHint]): Promise<boolean> {
    const at = this.clock.now();
    const { cloneHint } = await tx.hostReport.findUniqueOrThrow({ where: { hostId }, select: { cloneHint: true } });
    const before = cloneHint as CloneHint | null;
    if (before !== null && before.reason === reason && at.getTime() - Date.parse(before.at) < REPEAT_MS) return false;
    const hint: CloneHint = { at: at.toISOString(), reason, macs };
    await markDue(tx, [hostId], at);
    await tx.hostReport.update({ where: { hostId }, data: { cloneHint: toJson(hint) } });
    const { siteId } = this.database;
    const detail = toJson({ code: 'CLONE_SUSPECTED', reason, macs });
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'clone.suspected', detail });
    const actor = `host:${hostId}`;
    await writeAudit(tx, {
      actor,
      action: 'clone.suspect',
      entity: 'host',
      entityId: hostId,
      after: detail,
      at,
      siteId,
    });
    return true;
  }
}

const NOTHING: MacHint = { hardwareUuid: '', bootSessionId: '', agentVersion: '', address: '' };
