/** Changes places: of one Mac, on the condition that nobody else did meanwhile, or of many at once. */
import { placeEtag, requireMatch } from '../api/etag.ts';
import { toJson } from '../audit/json.ts';
import { writeAudits } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import type { HostPlace } from '../db/generated/client.ts';
import { markDue } from '../db/host-events.ts';
import { resolveSelector, type SelectorInput, selectHosts } from '../policies/selector.ts';
import { type PlaceInput, type PlaceView, placeFields, showPlace, UNKNOWN_PLACE } from './place.ts';

/** Rows locked by one transaction, as everywhere. */
const HOSTS_PER_TURN = 1000;

export interface PlaceOrder {
  /** What is not named stays. */
  readonly set: PlaceInput;
  readonly actor: string;
  readonly now: Date;
}

export class HostPlaces {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  async get(hostId: string): Promise<PlaceView> {
    return showPlace(await this.read(this.database.prisma, hostId));
  }

  async change(hostId: string, order: PlaceOrder, ifMatch: string | null): Promise<PlaceView> {
    const view = await this.database.transaction(async (tx) => {
      await markDue(tx, [hostId], order.now);
      const before = await this.read(tx, hostId);
      requireMatch(ifMatch, placeEtag(showPlace(before)));
      await this.write(tx, [hostId], order);
      return showPlace(await this.read(tx, hostId));
    });
    this.bus.publish({ kind: 'due', hostId });
    return view;
  }

  /** The same change for every Mac that the selection surely means; returns them. */
  async changeMany(selector: SelectorInput, order: PlaceOrder): Promise<readonly string[]> {
    const chosen = await this.database.transaction(async (tx) => selectHosts(tx, await resolveSelector(tx, selector)));
    const ids = chosen.filter(({ selected }) => selected === true).map(({ hostId }) => hostId);
    for (let from = 0; from < ids.length; from += HOSTS_PER_TURN) {
      const turn = ids.slice(from, from + HOSTS_PER_TURN);
      await this.database.transaction(async (tx) => {
        await markDue(tx, turn, order.now);
        await this.write(tx, turn, order);
      });
      for (const hostId of turn) this.bus.publish({ kind: 'due', hostId });
    }
    return ids;
  }

  private async read(tx: Tx, hostId: string): Promise<HostPlace | null> {
    const host = await tx.host.findFirst({ where: { id: hostId, retiredAt: null }, include: { place: true } });
    if (host === null) throw new Problem('NOT_FOUND', `There is no host ${hostId}.`);
    return host.place;
  }

  /** With the hosts locked. One statement each for all of them. */
  private async write(tx: Tx, hostIds: readonly string[], { set, actor, now }: PlaceOrder): Promise<void> {
    const { siteId } = this.database;
    const rows = await tx.hostPlace.findMany({ where: { hostId: { in: [...hostIds] } } });
    const before = new Map(rows.map((row) => [row.hostId, placeFields(row)]));
    const changed = hostIds.map((hostId) => {
      const known = before.get(hostId);
      return { hostId, known, after: { ...UNKNOWN_PLACE, ...known, ...set } };
    });
    await tx.hostPlace.deleteMany({ where: { hostId: { in: [...hostIds] } } });
    await tx.hostPlace.createMany({
      data: changed.map(({ hostId, after }) => ({ hostId, siteId, ...after, updatedAt: now, updatedBy: actor })),
    });
    await writeAudits(
      tx,
      changed.map(({ hostId, known, after }) => ({
        actor,
        action: 'host.place',
        entity: 'host',
        entityId: hostId,
        before: known === undefined ? null : toJson(known),
        after: toJson(after),
        at: now,
        siteId,
      })),
    );
  }
}
