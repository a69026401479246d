import { uuidv7 } from '../common/ids.ts';
import type { AuditEntry, Tx } from '../db/database.ts';
import type { HostEventEntry } from '../db/host-events.ts';

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

/** Timeline rows of many hosts: one statement. */
export async function writeHostEvents(tx: Tx, entries: readonly HostEventEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.hostEvent.createMany({ data: entries.map((entry) => ({ id: uuidv7(entry.at.getTime()), ...entry })) });
}
