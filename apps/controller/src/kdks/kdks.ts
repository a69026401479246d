import { QUOTA_STOCK } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { AuditEntry, Database, Tx } from '../db/database.ts';
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

/** The catalogue of KDK images that agents can fetch. Of a build, the image that was brought last is used. */
export class Kdks {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
    private readonly folder: KdkFolder,
  ) {}

  /** An image that is known becomes the one of its build again; when it is already, nothing changes. */
  async add({ fileName, sha256, bytes, actor }: NewKdk): Promise<KdkRow> {
    const { version, build } = readKdkName(fileName);
    const { sizeBytes } = await this.folder.save(bytes, sha256);
    const at = this.clock.now();
    return this.change(sha256, async (tx) => {
      if ((await this.folder.open(sha256)) === null)
        throw new Problem('NOT_READY', `The image ${sha256} was withdrawn while it was being sent. Send it again.`);
      const known = await tx.kdk.findUnique({ where: { sha256 } });
      if (known !== null) return this.renew(tx, known, actor, at);
      const id = uuidv7(at.getTime());
      const data = { version, build, sha256, sizeBytes: BigInt(sizeBytes), fileName, addedBy: actor, addedAt: at };
      const row = await tx.kdk.create({ data: { id, siteId: this.database.siteId, ...data } });
      await this.audit(tx, row, { actor, action: 'kdk.add', after: shown(row), at });
      return { row, hosts: await markWaiting(tx, build, at) };
    });
  }

  /** Takes an image out of the catalogue, with its file: plans that name it are made anew, from what is left. */
  async withdraw(id: string, actor: string): Promise<void> {
    const at = this.clock.now();
    const missing = () => new Problem('NOT_FOUND', `There is no KDK image ${id}.`);
    const found = await this.database.prisma.kdk.findUnique({ where: { id } });
    if (found === null) throw missing();
    await this.change(found.sha256, async (tx) => {
      const row = await tx.kdk.findUnique({ where: { id } });
      if (row === null) throw missing();
      await tx.kdk.delete({ where: { id } });
      await this.audit(tx, row, { actor, action: 'kdk.withdraw', before: shown(row), at });
      return { row, hosts: await markWaiting(tx, row.build, at) };
    });
    await this.removeFile(found.sha256);
  }

  /**
   * Once the catalogue is committed without it, never before: a listed image has its file, whatever breaks in between. A file that is
   * left lies unused. Whoever reads it now still gets the rest: it goes when the last one has closed it.
   */
  private async removeFile(sha256: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await lockImage(tx, sha256);
      // Somebody may have brought it again since.
      if ((await tx.kdk.count({ where: { sha256 } })) === 0) await this.folder.remove(sha256);
    });
  }

  private async renew(tx: Tx, known: KdkRow, actor: string, at: Date): Promise<Changed> {
    const { id, build } = known;
    const newest = await tx.kdk.findFirst({ where: { build }, orderBy: { addedAt: 'desc' } });
    if (newest?.id === id) return { row: known, hosts: [] };
    const row = await tx.kdk.update({ where: { id }, data: { addedBy: actor, addedAt: at } });
    await this.audit(tx, row, { actor, action: 'kdk.renew', before: shown(known), after: shown(row), at });
    return { row, hosts: await markWaiting(tx, build, at) };
  }

  /** Changes of one image one after the other: the second of two waits here and then finds what the first did. */
  private async change(sha256: string, work: (tx: Tx) => Promise<Changed>): Promise<KdkRow> {
    const { row, hosts } = await this.database.transaction(async (tx) => {
      await lockImage(tx, sha256);
      return work(tx);
    });
    for (const hostId of hosts) this.bus.publish({ kind: 'due', hostId });
    return row;
  }

  private audit(tx: Tx, { id }: KdkRow, entry: Pick<AuditEntry, 'actor' | 'action' | 'before' | 'after' | 'at'>) {
    return writeAudit(tx, { ...entry, entity: 'kdk', entityId: id, siteId: this.database.siteId });
  }
}

interface Changed {
  readonly row: KdkRow;
  /** Who was marked due. */
  readonly hosts: readonly string[];
}

async function lockImage(tx: Tx, sha256: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${sha256}, 1))`;
}

function shown({ version, build, sha256, sizeBytes, fileName, addedBy, addedAt }: KdkRow) {
  return toJson({ version, build, sha256, sizeBytes: Number(sizeBytes), fileName, addedBy, addedAt });
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
