import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { AuditEntry, Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { changeKdk, type KdkChange, type KdkRow, lockImage } from './change-kdk.ts';
import type { KdkFolder } from './kdk-folder.ts';
import { readKdkName } from './kdk-name.ts';

export interface NewKdk {
  readonly fileName: string;
  /** Lower-case hex, from whoever brings it: Apple's catalogue, not the file itself. */
  readonly sha256: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly actor: string;
}

/** The catalogue of KDK images that agents can fetch. Of a build, the image that was brought last is used. */
export class Kdks {
  constructor(
    readonly database: Database,
    readonly bus: ControllerBus,
    private readonly clock: Clock,
    private readonly folder: KdkFolder,
  ) {}

  /** An image that is known becomes the one of its build again; when it is already, nothing changes. */
  async add({ fileName, sha256, bytes, actor }: NewKdk): Promise<KdkRow> {
    const { version, build } = readKdkName(fileName);
    const { sizeBytes } = await this.folder.save(bytes, sha256);
    const at = this.clock.now();
    const { row } = await changeKdk(this, sha256, at, async (tx): Promise<Changed> => {
      if ((await this.folder.open(sha256)) === null)
        throw new Problem('NOT_READY', `The image ${sha256} was withdrawn while it was being sent. Send it again.`);
      const known = await tx.kdk.findUnique({ where: { sha256 } });
      if (known !== null) return this.renew(tx, known, actor, at);
      const id = uuidv7(at.getTime());
      const data = { version, build, sha256, sizeBytes: BigInt(sizeBytes), fileName, addedBy: actor, addedAt: at };
      const row = await tx.kdk.create({ data: { id, siteId: this.database.siteId, ...data } });
      await this.audit(tx, row, { actor, action: 'kdk.add', after: shown(row), at });
      return { row, changed: true };
    });
    return row;
  }

  /** Takes an image out of the catalogue, with its file: plans that name it are made anew, from what is left. */
  async withdraw(id: string, actor: string): Promise<void> {
    const at = this.clock.now();
    const missing = () => new Problem('NOT_FOUND', `There is no KDK image ${id}.`);
    const found = await this.database.prisma.kdk.findUnique({ where: { id } });
    if (found === null) throw missing();
    await changeKdk(this, found.sha256, at, async (tx) => {
      const row = await tx.kdk.findUnique({ where: { id } });
      if (row === null) throw missing();
      await tx.kdk.delete({ where: { id } });
      await this.audit(tx, row, { actor, action: 'kdk.withdraw', before: shown(row), at });
      return { row, changed: true };
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
    if (newest?.id === id) return { row: known, changed: false };
    const row = await tx.kdk.update({ where: { id }, data: { addedBy: actor, addedAt: at } });
    await this.audit(tx, row, { actor, action: 'kdk.renew', before: shown(known), after: shown(row), at });
    return { row, changed: true };
  }

  private audit(tx: Tx, { id }: KdkRow, entry: Pick<AuditEntry, 'actor' | 'action' | 'before' | 'after' | 'at'>) {
    return writeAudit(tx, { ...entry, entity: 'kdk', entityId: id, siteId: this.database.siteId });
  }
}

interface Changed extends KdkChange {
  readonly row: KdkRow;
}

function shown({ version, build, sha256, sizeBytes, fileName, addedBy, addedAt }: KdkRow) {
  return toJson({ version, build, sha256, sizeBytes: Number(sizeBytes), fileName, addedBy, addedAt });
}
