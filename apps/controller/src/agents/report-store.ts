/** What a host's agent said last. Check-ins of many hosts go together: with nothing new as one statement, with facts as one transaction. */
import type pg from 'pg';
import { Clock } from '../common/clock.ts';
import { CallBatch, type CallResult, HELD } from '../db/call-batch.ts';
import { Database, type Tx } from '../db/database.ts';
import type { ReceivedFacts } from './facts-input.ts';
import { joined, NO_CHANGES } from './host-changes.ts';
import { type LockedReport, lockHosts } from './host-lock.ts';
import { isNewer, newBoot, type Position, presentReport, reportChange } from './report-change.ts';
import { HEARD_AGAIN, TOUCH } from './report-sql.ts';
import { type DecideAll, type Decision, decided, storeDecisions } from './store-decisions.ts';

/** What we hold now, and whether the host was marked due: publish that. */
export interface Taken {
  readonly factsSha256: string | null;
  readonly due: boolean;
}

interface Touch {
  readonly hostId: string;
  readonly position: Position;
}

interface FactsReport extends Touch {
  readonly facts: ReceivedFacts;
}

interface TouchedRow {
  readonly hostId: string;
  readonly factsSha256: string | null;
  readonly presence: string;
}

export class ReportStore {
  private readonly touches: CallBatch<Touch, Taken>;
  private readonly takes: CallBatch<FactsReport, Taken>;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    const keyOf = ({ hostId }: Touch) => hostId;
    this.touches = new CallBatch((calls, alone) => this.touchAll(calls, alone), { keyOf });
    this.takes = new CallBatch<FactsReport, Taken>(
      (calls, alone) => storeDecisions(database, clock, calls, alone, this.takeAll),
      {
        keyOf,
        bytesOf: ({ facts }) => facts.bytes,
      },
    );
  }

  /**
   * A check-in with nothing new. A host that had been thought silent is marked due: being heard of is itself a change.
   */
  async touch(hostId: string, position: Position): Promise<Taken> {
    return this.touches.add({ hostId, position });
  }

  /** A check-in with facts; a report older than one taken changes nothing. */
  async take(hostId: string, position: Position, facts: ReceivedFacts): Promise<Taken> {
    return this.takes.add({ hostId, position, facts });
  }

  /** Remembers by our clock when a boot session was first seen. true = it is a new one. */
  async noteBoot(tx: Tx, report: LockedReport, seen: string): Promise<boolean> {
    const bootSessionId = newBoot(report, seen);
    if (bootSessionId === null) return false;
    const data = { bootSessionId, bootFirstSeenAt: this.clock.now() };
    await tx.hostReport.update({ where: { hostId: report.hostId }, data });
    return true;
  }

  private async touchAll(calls: readonly Touch[], alone: boolean): Promise<readonly CallResult<Taken>[]> {
    const now = this.clock.now();
    const { pool } = this.database;
    const values = [
      now,
      calls.map(({ hostId }) => hostId),
      calls.map(({ position }) => position.sessionNumber),
      calls.map(({ position }) => position.bootOrdinal),
      calls.map(({ position }) => position.sequence),
    ];
    const { rows } = await pool.query<TouchedRow>({ ...(alone ? TOUCH.waiting : TOUCH.atOnce), values });
    const away = rows.filter(({ presence }) => presence !== 'online').map(({ hostId }) => hostId);
    const marked = away.length === 0 ? [] : (await pool.query<{ hostId: string }>(HEARD_AGAIN, [away, now])).rows;
    const due = new Set(marked.map(({ hostId }) => hostId));
    const touched = new Map(rows.map((row) => [row.hostId, row]));
    return calls.map(({ hostId }) => {
      const row = touched.get(hostId);
      if (row === undefined && !alone) return HELD;
      return { reply: { factsSha256: row?.factsSha256 ?? null, due: due.has(hostId) } };
    });
  }

  private readonly takeAll: DecideAll<FactsReport, Taken> = async (client: pg.ClientBase, calls, alone) => {
    const reports = await lockHosts(
      client,
      calls.map(({ hostId }) => hostId),
      alone,
    );
    return calls.map((call) => {
      const report = reports.get(call.hostId);
      return report === undefined && !alone ? HELD : decided(() => takeOne(presentReport(report, call), call));
    });
  };
}

function takeOne(report: LockedReport, { hostId, position, facts }: FactsReport): Decision<Taken> {
  const changes = reportChange(report, position, facts);
  const heardAgain = isNewer(position, report) && report.presence !== 'online';
  const due = heardAgain || changes.due.length > 0;
  const factsSha256 = changes.due.length > 0 ? facts.sha256 : report.factsSha256;
  return {
    reply: { factsSha256, due },
    changes: heardAgain ? joined([changes, { ...NO_CHANGES, due: [hostId] }]) : changes,
  };
}
