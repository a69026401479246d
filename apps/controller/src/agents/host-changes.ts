/**
 * What reports of agents change, as plain rows: decided first, for one host after the other, and then stored for all of them by one
 * statement, each with its audit and its line in the timeline; one more tells webhooks.
 */
import type pg from 'pg';
import { uuidv7 } from '../common/ids.ts';
import type { AuditEntry } from '../db/database.ts';
import type { HostEventEntry } from '../db/host-events.ts';
import { storableJson } from '../db/storable-json.ts';
import { tellTimelineOn } from '../webhooks/outbox.ts';
import { STORE_CHANGES } from './host-changes-sql.ts';

interface ReportChange {
  readonly hostId: string;
  readonly bootOrdinal: number;
  readonly sequence: bigint;
  /** Null = they are what we had. */
  readonly facts: { readonly json: object; readonly sha256: string } | null;
  /** Null = not a new one. */
  readonly bootSessionId: string | null;
}

interface ClosedJob {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly result: object | null;
  /** Waits until then to be tried again; null = it has ended. */
  readonly notBefore: Date | null;
}

interface OpenedJob {
  readonly id: string;
  readonly hostId: string;
  readonly planId: string;
  readonly lane: string;
  readonly stepIndex: number;
  readonly kind: string;
}

export interface HostChanges {
  readonly reports: readonly ReportChange[];
  readonly due: readonly string[];
  readonly closed: readonly ClosedJob[];
  readonly opened: readonly OpenedJob[];
  readonly endedPlans: readonly { readonly id: string; readonly state: string }[];
  readonly events: readonly Omit<HostEventEntry, 'siteId' | 'at'>[];
  readonly audits: readonly Omit<AuditEntry, 'siteId' | 'at'>[];
}

export const NO_CHANGES: HostChanges = {
  reports: [],
  due: [],
  closed: [],
  opened: [],
  endedPlans: [],
  events: [],
  audits: [],
};

export function joined(all: readonly HostChanges[]): HostChanges {
  return {
    reports: all.flatMap(({ reports }) => reports),
    due: all.flatMap(({ due }) => due),
    closed: all.flatMap(({ closed }) => closed),
    opened: all.flatMap(({ opened }) => opened),
    endedPlans: all.flatMap(({ endedPlans }) => endedPlans),
    events: all.flatMap(({ events }) => events),
    audits: all.flatMap(({ audits }) => audits),
  };
}

/** The caller holds the locks of the hosts and jobs. */
export async function storeChanges(
  client: pg.ClientBase,
  changes: HostChanges,
  siteId: string,
  at: Date,
): Promise<void> {
  const { reports, due, closed, opened, endedPlans, events, audits } = changes;
  const id = () => uuidv7(at.getTime());
  const lines = events.map((event) => ({ id: id(), ...event }));
  const rows = [
    reports.map(({ sequence, ...report }) => ({ ...report, sequence: String(sequence) })),
    closed,
    opened,
    endedPlans,
    lines,
    audits.map(({ before, after, ...audit }) => ({
      id: id(),
      ...audit,
      ...(before != null && { before }),
      ...(after != null && { after }),
    })),
  ];
  const ids = [closed.map((job) => job.id), endedPlans.map((plan) => plan.id), reports.map(({ hostId }) => hostId)];
  if (due.length > 0 || rows.some((list) => list.length > 0))
    await client.query({ ...STORE_CHANGES, values: [at, siteId, due, ...rows.map(storableJson), ...ids] });
  await tellTimelineOn(
    client,
    lines.map((line) => ({ ...line, siteId, at })),
  );
}
