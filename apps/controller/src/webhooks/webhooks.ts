import { requireMatch, webhookEtag } from '../api/etag.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import type { Prisma } from '../db/generated/client.ts';
import { LOCK_DELIVERIES } from './delivery-sql.ts';

/** Each is drained on its own: this bounds connections and memory. */
export const WEBHOOKS_MAX = 50;

export interface WebhookInput {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
}

export interface WebhookChange {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly state?: 'on' | 'off' | undefined;
}

export interface Order {
  readonly id: string;
  readonly actor: string;
  readonly now: Date;
}

type WebhookRecord = Awaited<ReturnType<Tx['webhook']['findUniqueOrThrow']>>;

/** What admins do with webhooks. Addresses stand in the audit without their path, which may tell more than it should. */
export class Webhooks {
  constructor(private readonly database: Database) {}

  create({ name, url, events }: WebhookInput, actor: string, now: Date): Promise<WebhookRecord> {
    return this.database.transaction(async (tx) => {
      await requireFree(tx, name, null);
      if ((await tx.webhook.count()) >= WEBHOOKS_MAX)
        throw new Problem('CONFLICT', `There are ${WEBHOOKS_MAX} webhooks already, which is as many as there may be.`);
      const { siteId } = this.database;
      const id = uuidv7(now.getTime());
      const data = { id, siteId, name, url, events: [...events], state: 'on', createdBy: actor };
      const webhook = await tx.webhook.create({ data: { ...data, createdAt: now, changedAt: now } });
      await this.audit(tx, 'webhook.create', { id, actor, now }, null, shown(webhook));
      return webhook;
    });
  }

  change(order: Order, change: WebhookChange, ifMatch: string | null): Promise<WebhookRecord> {
    const { id, now } = order;
    return this.database.transaction(async (tx) => {
      const before = await lock(tx, id);
      requireMatch(ifMatch, webhookEtag(before));
      if (change.name !== undefined) await requireFree(tx, change.name, id);
      const { name = before.name, url = before.url, events = before.events, state = before.state } = change;
      const isOther = state !== before.state;
      const reason = isOther ? { stateReason: state === 'off' ? `Turned off by ${order.actor}.` : null } : {};
      const data = { name, url, events: [...events], state, changedAt: now, ...reason };
      const after = await tx.webhook.update({ where: { id }, data });
      await this.audit(tx, 'webhook.change', order, shown(before), shown(after));
      return after;
    });
  }

  /** Its deliveries go with it, those that wait too. */
  async remove(order: Order, ifMatch: string | null): Promise<void> {
    const { id } = order;
    await this.database.transaction(async (tx) => {
      await tx.$queryRawUnsafe(LOCK_DELIVERIES, id);
      const { count: deliveries } = await tx.webhookDelivery.deleteMany({ where: { webhookId: id } });
      const before = await lock(tx, id);
      requireMatch(ifMatch, webhookEtag(before));
      await tx.webhook.delete({ where: { id } });
      await this.audit(tx, 'webhook.delete', order, { ...shown(before), deliveries }, null);
    });
  }

  /** Sends a ping to this webhook; gives the event's id. */
  async test(order: Order): Promise<string> {
    const { id, actor, now } = order;
    const { siteId } = this.database;
    const eventId = uuidv7(now.getTime());
    const body = JSON.stringify({ type: 'ping', timestamp: now.toISOString(), data: { actor } });
    await this.database.transaction(async (tx) => {
      const { state } = await lock(tx, id);
      if (state !== 'on') throw new Problem('CONFLICT', `The webhook is ${state}; turn it on to test it.`);
      await tx.webhookDelivery.create({
        data: { webhookId: id, eventId, siteId, type: 'ping', occurredAt: now, body, state: 'queued', nextAt: now },
      });
      await this.audit(tx, 'webhook.test', order, null, { eventId });
    });
    return eventId;
  }

  /** Sends dead letters again, all or the one named; one that was delivered only when it is named. Gives how many. */
  async replay(order: Order, eventId: string | null): Promise<number> {
    const { id, now } = order;
    return this.database.transaction(async (tx) => {
      await tx.$queryRawUnsafe(LOCK_DELIVERIES, id);
      const wanted: Prisma.WebhookDeliveryWhereInput =
        eventId === null ? { state: 'dead' } : { eventId, state: { in: ['dead', 'delivered'] } };
      const { count } = await tx.webhookDelivery.updateMany({
        where: { webhookId: id, ...wanted },
        data: { state: 'queued', attempts: 0, nextAt: now, leaseUntil: null, endedAt: null },
      });
      const { state } = await lock(tx, id);
      if (state === 'gone') throw new Problem('CONFLICT', 'The receiver answered 410 Gone; turn the webhook on first.');
      if (eventId !== null && count === 0)
        throw new Problem('NOT_FOUND', `The webhook has no ended delivery of an event ${eventId}.`);
      await this.audit(tx, 'webhook.replay', order, null, { eventId, replayed: count });
      return count;
    });
  }

  private async audit(
    tx: Tx,
    action: string,
    { id, actor, now }: Order,
    before: Prisma.InputJsonObject | null,
    after: Prisma.InputJsonObject | null,
  ): Promise<void> {
    const { siteId } = this.database;
    await writeAudit(tx, { actor, action, entity: 'webhook', entityId: id, before, after, at: now, siteId });
  }
}

function shown({ name, url, events, state }: WebhookRecord): Prisma.InputJsonObject {
  return { name, origin: new URL(url).origin, events, state };
}

async function lock(tx: Tx, id: string): Promise<WebhookRecord> {
  await tx.$queryRaw`SELECT 1 FROM webhook WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  const webhook = await tx.webhook.findUnique({ where: { id } });
  if (webhook === null) throw new Problem('NOT_FOUND', `There is no webhook ${id}.`);
  return webhook;
}

async function requireFree(tx: Tx, name: string, own: string | null): Promise<void> {
  const other = await tx.webhook.findUnique({ where: { name } });
  if (other !== null && other.id !== own) throw new Problem('CONFLICT', `There is a webhook named ${name} already.`);
}
