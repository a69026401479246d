/**
 * Transactional outbox: what happened is written for every webhook that asked for it, in the transaction of the change itself. One
 * statement for any number of events, which writes nothing when nobody asked.
 */
import type pg from 'pg';
import { uuidv7 } from '../common/ids.ts';
import type { Tx } from '../db/database.ts';
import { storableJson } from '../db/storable-json.ts';
import { eventOfKind, groupOf, WEBHOOK_EVENTS, type WebhookEventType } from './event-types.ts';

export interface HappenedEvent {
  readonly siteId: string;
  readonly at: Date;
  readonly type: WebhookEventType;
  /** Plain values; texts are cut at 2,000 characters, so that every body is small. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A line of a timeline with its id, which is the event's id too. */
export interface TimelineLine {
  readonly id: string;
  readonly siteId: string;
  readonly hostId: string;
  readonly at: Date;
  readonly kind: string;
  readonly detail: object;
}

interface OutboxRow {
  readonly id: string;
  readonly site_id: string;
  readonly host_id: string | null;
  readonly at: Date;
  readonly type: WebhookEventType;
  readonly group: string;
  readonly data: object;
}

const TEXT_CHARS_MAX = 2000;

/**
 * From events (id, site_id, host_id, at, type, "group", data) to deliveries. The body is made here, once: every try sends the very
 * same bytes. A Mac's name and serial number say which one it is to those who do not know our ids.
 */
export function deliveriesFrom(events: string): string {
  return `
  INSERT INTO webhook_delivery (webhook_id, event_id, site_id, type, occurred_at, body, state, next_at)
  SELECT w.id, e.id, e.site_id, e.type, e.at, json_build_object(
      'type', e.type, 'timestamp', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data',
      CASE WHEN h.id IS NULL THEN e.data ELSE jsonb_build_object('host', jsonb_build_object(
        'id', h.id, 'name', h.name, 'serial', h.serial, 'hardwareUuid', h.hardware_uuid)) || e.data END)::text,
    'queued', e.at
  FROM (${events}) e
  JOIN webhook w ON w.state = 'on' AND w.events && ARRAY['*', e."group", e.type]
  LEFT JOIN host h ON h.id = e.host_id`;
}

/** $1 JSON of the events. */
export const WRITE_DELIVERIES = deliveriesFrom(`SELECT * FROM jsonb_to_recordset($1::jsonb) AS
    v(id uuid, site_id uuid, host_id uuid, at timestamptz, type text, "group" text, data jsonb)`);

/** Called for every line of a timeline, by whoever writes lines. */
export async function tellTimeline(tx: Tx, lines: readonly TimelineLine[]): Promise<void> {
  await write(tx, rowsOf(lines));
}

/** The same on a plain connection, within its transaction. */
export async function tellTimelineOn(client: pg.ClientBase, lines: readonly TimelineLine[]): Promise<void> {
  const rows = rowsOf(lines);
  if (rows.length === 0) return;
  await client.query({ name: 'write_deliveries', text: WRITE_DELIVERIES, values: [storableJson(rows)] });
}

/** For what is not about one Mac: rollouts and exceptions. */
export async function tellWebhooks(tx: Tx, events: readonly HappenedEvent[]): Promise<void> {
  await write(
    tx,
    events.map((event) => rowOf(event, uuidv7(event.at.getTime()), null)),
  );
}

async function write(tx: Tx, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length > 0) await tx.$executeRawUnsafe(WRITE_DELIVERIES, storableJson(rows));
}

function rowsOf(lines: readonly TimelineLine[]): readonly OutboxRow[] {
  return lines.flatMap(({ id, siteId, hostId, at, kind, detail }) => {
    const type = eventOfKind(kind);
    return type === null ? [] : [rowOf({ siteId, at, type, data: { ...detail } }, id, hostId)];
  });
}

function rowOf({ siteId, at, type, data }: HappenedEvent, id: string, hostId: string | null): OutboxRow {
  return { id, site_id: siteId, host_id: hostId, at, type, group: groupOf(type), data: dataOf(type, data) };
}

/** The fields that the table promises, and no others: a line of a timeline may say more than the world shall hear. */
function dataOf(type: WebhookEventType, data: Readonly<Record<string, unknown>>): object {
  const short = (value: unknown) => (typeof value === 'string' ? value.slice(0, TEXT_CHARS_MAX) : (value ?? null));
  return Object.fromEntries(Object.keys(WEBHOOK_EVENTS[type].data).map((name) => [name, short(data[name])]));
}
