/**
 * What a report changes. Reports are ordered by (boot ordinal, sequence) within a session; a lower or equal one changes nothing. A
 * host becomes due only when something changed that an answer could rest on. Decides from rows that are locked; no IO.
 */
import { Problem } from '../common/problem.ts';
import type { ReceivedFacts } from './facts-input.ts';
import { type HostChanges, NO_CHANGES } from './host-changes.ts';
import type { LockedReport } from './host-lock.ts';

export interface Position {
  readonly sessionNumber: bigint;
  readonly bootOrdinal: number;
  readonly sequence: bigint;
}

/** Only the present session of a host that is enrolled may report. */
export function presentReport(
  report: LockedReport | undefined,
  { hostId, position }: { readonly hostId: string; readonly position: Position },
): LockedReport {
  if (report === undefined) throw new Problem('HOST_UNKNOWN', `host ${hostId} is not enrolled`);
  if (report.sessionNumber !== position.sessionNumber)
    throw new Problem('SESSION_FENCED', `expected session ${report.sessionNumber}, seen ${position.sessionNumber}`);
  return report;
}

export function isNewer({ bootOrdinal, sequence }: Position, than: LockedReport): boolean {
  return bootOrdinal > than.bootOrdinal || (bootOrdinal === than.bootOrdinal && sequence > than.sequence);
}

export function reportChange(report: LockedReport, position: Position, received: ReceivedFacts | null): HostChanges {
  if (!isNewer(position, report)) return NO_CHANGES;
  const { hostId, factsSha256: before } = report;
  const facts = received !== null && received.sha256 !== before ? received : null;
  const { bootOrdinal, sequence } = position;
  const moved = { hostId, bootOrdinal, sequence };
  if (facts === null) return { ...NO_CHANGES, reports: [{ ...moved, facts, bootSessionId: null }] };
  const { facts: json, sha256 } = facts;
  const bootSessionId = newBoot(report, json.boot.sessionId);
  return {
    ...NO_CHANGES,
    reports: [{ ...moved, facts: { json, sha256 }, bootSessionId }],
    due: [hostId],
    audits: [
      {
        actor: `host:${hostId}`,
        action: 'host.facts',
        entity: 'host',
        entityId: hostId,
        before: { factsSha256: before },
        after: { factsSha256: sha256 },
      },
    ],
  };
}

/** The boot session as we keep it; null = it is not a new one, or not known. */
export function newBoot(report: LockedReport, bootSessionId: string | null): string | null {
  const seen = bootSessionId?.toUpperCase() ?? report.bootSessionId;
  return seen === report.bootSessionId ? null : seen;
}
