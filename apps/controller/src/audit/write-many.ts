import { uuidv7 } from '../common/ids.ts';
import type { AuditEntry, Tx } from '../db/database.ts';
import type { HostEventEntry } from '../db/host-events.ts';
import { tellTimeline } from '../webhooks/outbox.ts';

/** Audit rows of a change to many things at once, in the change's own transaction: one statement. */
export async function writeAudits(tx: Tx, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.audit.createMany({
    data: entries.map(({ before, after, ...rest }) => ({
      id: uuidv7(rest.at.getTime()),
      ...rest,
      ...(before != null && { before }),
      ...(after != null && { after }),
    })),
  });
}

/** Lines in the timelines of many hosts, and what webhooks tell of them: one statement each. */
export async function writeHostEvents(tx: Tx, entries: readonly HostEventEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const lines = entries.map((entry) => ({ id: uuidv7(entry.at.getTime()), ...entry }));
  await tx.hostEvent.createMany({ data: lines });
  await tellTimeline(tx, lines);
}
