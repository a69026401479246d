import { QUOTA_STOCK } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import type { KdkFolder } from './kdk-folder.ts';
import { readKdkName } from './kdk-name.ts';

export interface NewKdk {
  readonly fileName: string;
  /** Lower-case hex, from whoever brings it: Apple's catalogue, not the file itself. */
  readonly sha256: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly actor: string;
}

export interface KdkRow {
  readonly id: string;
  readonly version: string;
  readonly build: string;
  readonly sha256: string;
  readonly sizeBytes: bigint;
  readonly fileName: string;
  readonly addedBy: string;
  readonly addedAt: Date;
}

/** The catalogue of KDK images that agents can fetch. Adding the same image again changes nothing. */
export class Kdks {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
    private readonly folder: KdkFolder,
  ) {}

  async add({ fileName, sha256, bytes, actor }: NewKdk): Promise<KdkRow> {
    const { version, build } = readKdkName(fileName);
    const { sizeBytes } = await this.folder.save(bytes, sha256);
    const now = this.clock.now();
    const { siteId } = this.database;
    const { row, hosts } = await this.database.transaction(async (tx) => {
      // Two uploads of one image at once: the second waits here and then finds the row.
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${sha256}, 1))`;
      const known = await tx.kdk.findUnique({ where: { sha256 } });
      if (known !== null) return { row: known, hosts: [] };
      const id = uuidv7(now.getTime());
      const data = { version, build, sha256, sizeBytes: BigInt(sizeBytes), fileName, addedBy: actor, addedAt: now };
      const added = await tx.kdk.create({ data: { id, siteId, ...data } });
      const after = toJson({ version, build, sha256, sizeBytes, fileName });
      await writeAudit(tx, { actor, action: 'kdk.add', entity: 'kdk', entityId: id, after, at: now, siteId });
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
      await markDue(tx, ids, now);
      return { row: added, hosts: ids };
    });
    for (const hostId of hosts) this.bus.publish({ kind: 'due', hostId });
    return row;
  }
}
