/**
 * The streams that live on after their call was admitted. They are cut when their certificate is revoked or a newer session
 * of their host opens: at once by events of this process and by the bus, later by the sweep for what the bus lost. The sweep also
 * cuts them when their certificate expires.
 */
import type { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import { Database } from '../db/database.ts';
import { type Caller, expired, revoked } from './caller.ts';

export interface LiveStream {
  readonly caller: Caller;
  /** Null for streams that belong to the host, whatever its session. */
  readonly sessionNumber: bigint | null;
  /** Ends the stream with this reason, once. */
  readonly cut: (reason: Problem) => void;
}

interface PresentRow {
  readonly serial: string;
  readonly revoked: boolean;
  readonly expired: boolean;
  readonly sessionNumber: string;
}

/** $1 serials, $2 now. */
const PRESENT = `
  SELECT c.serial, c.revoked_at IS NOT NULL OR h.retired_at IS NOT NULL AS revoked, c.not_after <= $2::timestamptz AS expired,
    r.session_number AS "sessionNumber"
  FROM certificate c JOIN host h ON h.id = c.host_id JOIN host_report r ON r.host_id = h.id
  WHERE c.serial = ANY($1)`;

export class LiveStreams {
  private readonly byHost = new Map<string, Set<LiveStream>>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Returns the way to take it out again. */
  add(stream: LiveStream): () => void {
    const { hostId } = stream.caller;
    const streams = this.byHost.get(hostId) ?? new Set();
    this.byHost.set(hostId, streams.add(stream));
    return () => {
      streams.delete(stream);
      if (streams.size === 0 && this.byHost.get(hostId) === streams) this.byHost.delete(hostId);
    };
  }

  cutRevoked(serial: string): void {
    this.cutSerial(serial, revoked(serial));
  }

  /** Ends the streams of the host's older sessions. */
  fence(hostId: string, sessionNumber: bigint): void {
    for (const stream of [...(this.byHost.get(hostId) ?? [])]) {
      if (stream.sessionNumber !== null && stream.sessionNumber !== sessionNumber)
        stream.cut(new Problem('SESSION_FENCED', `expected session ${sessionNumber}, seen ${stream.sessionNumber}`));
    }
  }

  cutAll(reason: Problem): void {
    for (const stream of this.all()) stream.cut(reason);
  }

  /** Checks every live stream, or those of one host, against the database, in one query. */
  async sweep(hostId?: string): Promise<void> {
    const looked = hostId === undefined ? this.all() : [...(this.byHost.get(hostId) ?? [])];
    const serials = [...new Set(looked.map(({ caller }) => caller.serial))];
    if (serials.length === 0) return;
    const rows = await this.database.look<PresentRow>(PRESENT, serials, this.clock.now());
    const present = new Map(rows.map((row) => [row.serial, row]));
    for (const { caller, sessionNumber } of looked) {
      const row = present.get(caller.serial);
      if (row === undefined || row.revoked) this.cutRevoked(caller.serial);
      else if (row.expired) this.cutSerial(caller.serial, expired(caller.serial));
      // A session that opened after the query is newer than what the query saw: only a greater number fences.
      else if (sessionNumber !== null && BigInt(row.sessionNumber) > sessionNumber)
        this.fence(caller.hostId, BigInt(row.sessionNumber));
    }
  }

  private cutSerial(serial: string, reason: Problem): void {
    for (const stream of this.all()) if (stream.caller.serial === serial) stream.cut(reason);
  }

  private all(): LiveStream[] {
    return [...this.byHost.values()].flatMap((streams) => [...streams]);
  }
}
