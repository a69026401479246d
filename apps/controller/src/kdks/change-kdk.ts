import { type KernelSight, QUOTA_STOCK } from '@headroom/core';
import type { ControllerBus } from '../bus/bus.ts';
import type { Database, Tx } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';

export interface KdkRow {
  readonly id: string;
  readonly version: string;
  readonly build: string;
  readonly sha256: string;
  readonly sizeBytes: bigint;
  readonly fileName: string;
  readonly addedBy: string;
  readonly addedAt: Date;
  /** Of the kernels in it, as Macs showed that had it. */
  readonly variants: readonly string[];
  readonly variantsMissing: readonly string[];
  /** What each Mac showed; see `sightsOf`. */
  readonly sights: unknown;
}

export function sightsOf({ sights }: Pick<KdkRow, 'sights'>): readonly KernelSight[] {
  return sights as readonly KernelSight[];
}

/** `row` = as it is now; null = there is none. `changed` = the Macs whose way may go by it are to be looked at again. */
export interface KdkChange {
  readonly row: KdkRow | null;
  readonly changed: boolean;
}

interface Where {
  readonly database: Database;
  readonly bus: ControllerBus;
}

/** Changes of one image one after the other: the second of two waits here and then finds what the first did. */
export async function changeKdk<T extends KdkChange>(
  { database, bus }: Where,
  sha256: string,
  at: Date,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const { change, hosts } = await database.transaction(async (tx) => {
    await lockImage(tx, sha256);
    const done = await work(tx);
    const marked = done.changed && done.row !== null ? await markWaiting(tx, done.row.build, at) : [];
    return { change: done, hosts: marked };
  });
  for (const hostId of hosts) bus.publish({ kind: 'due', hostId });
  return change;
}

/** Until the transaction ends. */
export async function lockImage(tx: Tx, sha256: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${sha256}, 1))`;
}

/** The Macs whose way may go by this build's image. */
async function markWaiting(tx: Tx, build: string, at: Date): Promise<readonly string[]> {
  const waiting = await tx.hostState.findMany({
    where: {
      host: { retiredAt: null },
      OR: [
        { state: { not: 'raised' }, host: { intent: { quota: { gt: QUOTA_STOCK } } } },
        { updates: { array_contains: [{ build }] } },
      ],
    },
    select: { hostId: true },
    orderBy: { hostId: 'asc' },
  });
  const ids = waiting.map(({ hostId }) => hostId);
  await markDue(tx, ids, at);
  return ids;
}
