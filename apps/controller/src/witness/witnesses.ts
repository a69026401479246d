/**
 * Witnesses that somebody with an API token gives: macOS guests alive at once on a Mac, in the boot that runs there now. They are
 * taken for the present boot only, a smaller count never hides a greater one, and what they prove is for the rules to say.
 */
import { lockHost } from '../agents/host-lock.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';

export interface WitnessOrder {
  readonly hostId: string;
  readonly macosGuests: number;
  readonly bootSessionId: string;
  readonly source: string;
  readonly actor: string;
  readonly now: Date;
}

export interface KeptWitness {
  readonly macosGuests: number;
  readonly bootSessionId: string;
  readonly source: string;
  readonly saidBy: string;
  readonly at: Date;
}

export class Witnesses {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  /** Gives back what counts for this boot now: the most that anybody saw. */
  async take(order: WitnessOrder): Promise<KeptWitness> {
    const { hostId } = order;
    const { kept, isNew } = await this.database.transaction((tx) => this.put(tx, order));
    if (isNew) this.bus.publish({ kind: 'due', hostId });
    return kept;
  }

  private async put(tx: Tx, order: WitnessOrder): Promise<{ kept: KeptWitness; isNew: boolean }> {
    const { hostId, macosGuests, source, actor: saidBy, now: at } = order;
    const bootSessionId = await presentBoot(tx, order);
    const where = { hostId_bootSessionId: { hostId, bootSessionId } };
    const known = await tx.witness.findUnique({ where });
    if (known !== null && known.macosGuests >= macosGuests) return { kept: known, isNew: false };
    const { siteId } = this.database;
    const told = { macosGuests, source, saidBy, at };
    await tx.witness.upsert({
      where,
      create: { id: uuidv7(at.getTime()), siteId, hostId, bootSessionId, ...told },
      update: told,
    });
    await markDue(tx, [hostId], at);
    const detail = { macosGuests, bootSessionId, source };
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'witness', detail: { ...detail, saidBy } });
    await writeAudit(tx, {
      actor: saidBy,
      action: 'host.witness',
      entity: 'host',
      entityId: hostId,
      before: known === null ? null : { macosGuests: known.macosGuests, source: known.source },
      after: detail,
      at,
      siteId,
    });
    return { kept: { bootSessionId, ...told }, isNew: true };
  }
}

/** The boot session that the agent told last. A count of another boot, or of a boot that nobody knows, proves nothing. */
async function presentBoot(tx: Tx, { hostId, bootSessionId: meant }: WitnessOrder): Promise<string> {
  const report = await lockHost(tx, hostId);
  const host = await tx.host.findFirst({ where: { id: hostId, retiredAt: null }, select: { name: true } });
  if (report === null || host === null) throw new Problem('NOT_FOUND', `There is no host ${hostId}.`);
  const present = report.bootSessionId;
  if (present !== null && present === meant.toUpperCase()) return present;
  const expected = present ?? 'a boot session, and its agent has told none yet';
  throw new Problem('WITNESS_OTHER_BOOT', `On ${host.name}: expected boot session ${expected}, seen ${meant}.`, {
    expected: present,
    seen: meant,
  });
}
