/**
 * Sends what waits, at least once each. The rows are the truth: wake-ups only say "look now", and the timer looks without them.
 * Each webhook is drained on its own, a few messages at a time, so that a slow receiver holds up nobody else.
 */
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { pauseMs } from './back-off.ts';
import {
  ANY_DEAD,
  BURY_OLD,
  BURY_QUEUED,
  CLAIM,
  DUE_WEBHOOKS,
  LOCK_DELIVERIES,
  PURGE,
  RECORD,
  RELEASE,
} from './delivery-sql.ts';
import { type Answered, POST_MS, post } from './post.ts';

const log = logger('webhooks');

/** Sent to one receiver at the same time. */
export const AT_ONCE = 4;
/** Longer than any try can take, clocks of two controllers included. */
const LEASE_MS = 30_000;
/** Wake-ups that come together are one look. */
const REST_MS = 200;
/** What is under way when the controller stops may end by itself for so long. */
const STOP_MS = 2_000;
const GONE = 410;
const DAY_MS = 86_400_000;
/** Due for so long and not delivered, it is old news: the receiver is too slow, or its webhook is off. */
const WAITS_DAYS = 3;
/** How long ended deliveries are kept. */
export const KEPT_DAYS = { delivered: 7, dead: 30 } as const;
const PURGED_AT_ONCE = 1_000;

/** `WebhookKey`. */
export interface WebhookSigner {
  sign(id: string, seconds: number, body: string, now: Date): string;
}

interface Claimed {
  readonly url: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly body: string;
  readonly attempts: number;
  readonly leaseNumber: number;
}

export class WebhookSender {
  private readonly draining = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;
  private unsubscribe: () => void = () => {};

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly bus: ControllerBus,
    private readonly key: WebhookSigner,
    private readonly timeMs = POST_MS,
  ) {}

  start(): void {
    // Whatever changed may have been written for a webhook too; lines of progress are not.
    this.unsubscribe = this.bus.subscribe(({ kind }) => {
      if (kind !== 'progress') this.soon();
    });
  }

  /** Looks shortly; call it after commit. */
  soon(): void {
    if (this.isStopped) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.look().catch((error: unknown) => log(`looking for deliveries failed: ${String(error)}`));
    }, REST_MS);
  }

  /** Starts sending whatever is due; does not wait for receivers. */
  async look(): Promise<void> {
    if (this.isStopped) return;
    const { rows } = await this.database.pool.query<{ id: string }>(DUE_WEBHOOKS, [this.clock.now()]);
    for (const { id } of rows) {
      if (this.isStopped || this.draining.has(id)) continue;
      const drained = this.drain(id)
        .catch((error: unknown) => log(`webhook ${id}: ${String(error)}`))
        .finally(() => this.draining.delete(id));
      this.draining.set(id, drained);
    }
  }

  /** Ends what waited for too long, and removes what ended long ago. */
  async purge(now: Date): Promise<void> {
    const before = (days: number) => new Date(now.getTime() - days * DAY_MS);
    const old = `Due for more than ${WAITS_DAYS} days and not delivered.`;
    await this.database.pool.query(BURY_OLD, [before(WAITS_DAYS), now, old, PURGED_AT_ONCE]);
    await this.database.pool.query(PURGE, ['delivered', before(KEPT_DAYS.delivered), PURGED_AT_ONCE]);
    if ((await this.database.look(ANY_DEAD, before(KEPT_DAYS.dead))).length === 0) return;
    const { siteId, fleetId } = this.database;
    await this.database.transaction(async (tx) => {
      const dead = await tx.$executeRawUnsafe(PURGE, 'dead', before(KEPT_DAYS.dead), PURGED_AT_ONCE);
      if (dead === 0) return;
      const after = { dead, keptDays: KEPT_DAYS.dead };
      const entity = { entity: 'fleet', entityId: fleetId };
      await writeAudit(tx, { actor: 'system:webhooks', action: 'webhook.purge', ...entity, after, at: now, siteId });
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.unsubscribe();
    if (this.timer !== null) clearTimeout(this.timer);
    const late = setTimeout(() => this.stopping.abort(), STOP_MS);
    await Promise.all(this.draining.values());
    clearTimeout(late);
  }

  private async drain(id: string): Promise<void> {
    while (!this.isStopped) {
      const now = this.clock.now();
      const until = new Date(now.getTime() + LEASE_MS);
      const { rows } = await this.database.pool.query<Claimed>(CLAIM, [now, id, until, AT_ONCE]);
      if (rows.length === 0) return;
      await Promise.all(rows.map((claimed) => this.send(claimed)));
    }
  }

  private async send(claimed: Claimed): Promise<void> {
    const { url, eventId, webhookId, leaseNumber, body } = claimed;
    const now = this.clock.now();
    const seconds = Math.floor(now.getTime() / 1000);
    const headers = {
      'webhook-id': eventId,
      'webhook-timestamp': String(seconds),
      'webhook-signature': this.key.sign(eventId, seconds, body, now),
    };
    const answered = await post({ url, headers, body }, this.stopping.signal, this.timeMs);
    if (answered.status === null && this.stopping.signal.aborted) {
      await this.database.pool.query(RELEASE, [webhookId, eventId, leaseNumber]);
      return;
    }
    if (answered.status === GONE) await this.gone(claimed);
    else await this.record(claimed, answered);
  }

  private async record({ webhookId, eventId, leaseNumber, attempts }: Claimed, answered: Answered): Promise<void> {
    const { status, answer, error } = answered;
    const now = this.clock.now();
    const pause = error === null ? null : pauseMs(attempts + 1, Math.random());
    const state = error === null ? 'delivered' : pause === null ? 'dead' : 'queued';
    const nextAt = pause === null ? null : new Date(now.getTime() + pause);
    const values = [webhookId, eventId, leaseNumber, now, state, nextAt, status, answer, error];
    await this.database.pool.query(RECORD, values);
    if (state === 'dead') log(`webhook ${webhookId}: event ${eventId} is a dead letter: ${error}`);
  }

  /** 410 is the receiver's own word that nothing shall come any more. Nothing else turns a webhook off. One at an older address has no say. */
  private async gone({ webhookId: id, url, eventId, leaseNumber }: Claimed): Promise<void> {
    const { siteId } = this.database;
    const at = this.clock.now();
    const reason = 'The receiver answered 410 Gone.';
    await this.database.transaction(async (tx) => {
      await tx.$queryRawUnsafe(LOCK_DELIVERIES, id);
      const { count } = await tx.webhook.updateMany({
        where: { id, state: 'on', url },
        data: { state: 'gone', stateReason: reason, lastError: reason, failingSince: at, changedAt: at },
      });
      if (count === 0) {
        await tx.$executeRawUnsafe(RELEASE, id, eventId, leaseNumber);
        return;
      }
      await tx.$executeRawUnsafe(BURY_QUEUED, id, at, reason);
      const after = { state: 'gone', reason };
      const entity = { entity: 'webhook', entityId: id };
      await writeAudit(tx, { actor: 'system:webhooks', action: 'webhook.gone', ...entity, after, at, siteId });
    });
  }
}
