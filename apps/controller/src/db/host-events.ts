import { writeHostEvents } from '../audit/write-many.ts';
import type { Tx } from './database.ts';
import type { Prisma } from './generated/client.ts';

export interface HostEventEntry {
  readonly siteId: string;
  readonly hostId: string;
  readonly at: Date;
  /** e.g. `state`, `plan`, `step.finished`, `visit.opened`, `session`. */
  readonly kind: string;
  readonly detail: Prisma.InputJsonObject;
}

/** Adds one line to a host's timeline. */
export function writeHostEvent(tx: Tx, entry: HostEventEntry): Promise<void> {
  return writeHostEvents(tx, [entry]);
}

/**
 * Marks hosts to be evaluated again, in the transaction of whatever may change the answer. Publish `due` after commit. Locks in
 * host order, as everybody who locks many hosts does: two controllers never wait for each other in a circle.
 */
export async function markDue(tx: Tx, hostIds: readonly string[], now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE host_state s SET due_at = ${now}::timestamptz
    FROM (SELECT host_id FROM host_state WHERE host_id = ANY(${[...hostIds]}::uuid[]) ORDER BY host_id FOR UPDATE) locked
    WHERE s.host_id = locked.host_id`;
}
