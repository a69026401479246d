import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import { SUBSCRIPTIONS } from './event-types.ts';

const WEBHOOK_STATES = ['on', 'off', 'gone'] as const;
export const DELIVERY_STATES = ['queued', 'delivered', 'dead'] as const;

export const subscription = z
  .enum(SUBSCRIPTIONS as [string, ...string[]])
  .describe('An event, all of a group such as `visit.*`, or `*`.');

export const webhookView = z.object({
  id: z.uuid(),
  name: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  state: z
    .enum(WEBHOOK_STATES)
    .describe('`gone`: the receiver answered 410. Nothing else turns a webhook off by itself.'),
  stateReason: z.string().nullable(),
  createdBy: z.string(),
  createdAt: isoDate,
  changedAt: isoDate,
  lastDeliveredAt: isoDate.nullable(),
  failingSince: isoDate.nullable().describe('The first failure since the last delivery; null = it does not fail.'),
  lastError: z.string().nullable(),
  queued: z.number().int().describe('Deliveries that wait or are tried again.'),
  oldestQueuedAt: isoDate.nullable().describe('When the oldest of them happened.'),
  dead: z.number().int().describe('Dead letters: given up after the last try, kept for replay.'),
});

export const deliveryView = z.object({
  eventId: z
    .uuid()
    .describe('`webhook-id` of the message; for events of one Mac also the id of its line in the timeline.'),
  type: z.string(),
  occurredAt: isoDate,
  state: z.enum(DELIVERY_STATES),
  attempts: z.number().int(),
  nextAt: isoDate.nullable().describe('The next try; null when it has ended.'),
  lastAttemptAt: isoDate.nullable(),
  lastStatus: z.number().int().nullable(),
  lastAnswer: z.string().nullable().describe('The first 500 characters of the last answer.'),
  lastError: z.string().nullable(),
  endedAt: isoDate.nullable(),
});

interface CountRow {
  readonly id: string;
  readonly queued: number;
  readonly oldestQueuedAt: Date | null;
  readonly dead: number;
}

/** $1 webhooks. */
const COUNTS = `
  SELECT w.id::text AS id, q.queued::int AS queued, q.oldest AS "oldestQueuedAt", x.dead::int AS dead
  FROM unnest($1::uuid[]) AS w(id)
  CROSS JOIN LATERAL (SELECT count(*) AS queued, min(occurred_at) AS oldest FROM webhook_delivery
    WHERE webhook_id = w.id AND state = 'queued') q
  CROSS JOIN LATERAL (SELECT count(*) AS dead FROM webhook_delivery WHERE webhook_id = w.id AND state = 'dead') x`;

type WebhookRecord = NonNullable<Awaited<ReturnType<Database['prisma']['webhook']['findUnique']>>>;
type DeliveryRecord = NonNullable<Awaited<ReturnType<Database['prisma']['webhookDelivery']['findFirst']>>>;

/** Webhooks with what waits for each. */
export async function viewWebhooks(
  { pool }: Database,
  rows: readonly WebhookRecord[],
): Promise<readonly z.input<typeof webhookView>[]> {
  const { rows: counts } = await pool.query<CountRow>(COUNTS, [rows.map(({ id }) => id)]);
  const byId = new Map(counts.map((count) => [count.id, count]));
  return rows.map(({ siteId: _site, ...row }) => ({
    ...row,
    state: row.state as (typeof WEBHOOK_STATES)[number],
    createdAt: row.createdAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    lastDeliveredAt: iso(row.lastDeliveredAt),
    failingSince: iso(row.failingSince),
    queued: byId.get(row.id)?.queued ?? 0,
    oldestQueuedAt: iso(byId.get(row.id)?.oldestQueuedAt ?? null),
    dead: byId.get(row.id)?.dead ?? 0,
  }));
}

export function viewDelivery(row: DeliveryRecord): z.input<typeof deliveryView> {
  const { eventId, type, attempts, lastStatus, lastAnswer, lastError } = row;
  return {
    eventId,
    type,
    occurredAt: row.occurredAt.toISOString(),
    state: row.state as (typeof DELIVERY_STATES)[number],
    attempts,
    nextAt: row.state === 'queued' ? row.nextAt.toISOString() : null,
    lastAttemptAt: iso(row.lastAttemptAt),
    lastStatus,
    lastAnswer,
    lastError,
    endedAt: iso(row.endedAt),
  };
}

function iso(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}
