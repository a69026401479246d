/** What the sender asks of Postgres. The time is always a parameter; a lease keeps two controllers from sending the same at once. */

/** $1 now. */
const DUE = `d.state = 'queued' AND d.next_at <= $1::timestamptz AND (d.lease_until IS NULL OR d.lease_until <= $1::timestamptz)`;

/** Webhooks that something is to be sent to at $1. */
export const DUE_WEBHOOKS = `
  SELECT w.id FROM webhook w
  WHERE w.state = 'on' AND EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.webhook_id = w.id AND ${DUE})
  ORDER BY w.id`;

/** Takes up to $4 deliveries of webhook $2 until $3. What another controller holds is passed by. */
export const CLAIM = `
  WITH due AS (
    SELECT d.event_id FROM webhook_delivery d
    WHERE d.webhook_id = $2 AND ${DUE}
    ORDER BY d.next_at, d.event_id LIMIT $4 FOR UPDATE OF d SKIP LOCKED)
  UPDATE webhook_delivery d SET lease_until = $3, lease_number = d.lease_number + 1
  FROM due, webhook w
  WHERE d.webhook_id = $2 AND d.event_id = due.event_id AND w.id = $2 AND w.state = 'on'
  RETURNING w.url, d.webhook_id AS "webhookId", d.event_id AS "eventId", d.body, d.attempts,
    d.lease_number AS "leaseNumber"`;

/** $1 webhook, $2 event, $3 lease number: it was not tried to the end, and is free at once. */
export const RELEASE = `
  UPDATE webhook_delivery SET lease_until = NULL
  WHERE webhook_id = $1 AND event_id = $2 AND lease_number = $3 AND state = 'queued'`;

/**
 * $1 webhook, $2 event, $3 lease number, $4 now, $5 state, $6 next try, $7 status, $8 answer, $9 error. One that was taken by
 * somebody else meanwhile is left to them. The webhook itself says since when it fails.
 */
export const RECORD = `
  WITH tried AS (
    UPDATE webhook_delivery SET state = $5, attempts = attempts + 1, next_at = coalesce($6::timestamptz, next_at),
      lease_until = NULL, last_attempt_at = $4::timestamptz, last_status = $7, last_answer = $8, last_error = $9,
      ended_at = CASE WHEN $5 = 'queued' THEN NULL ELSE $4::timestamptz END
    WHERE webhook_id = $1 AND event_id = $2 AND lease_number = $3 AND state = 'queued'
    RETURNING webhook_id, state)
  UPDATE webhook w SET
    last_delivered_at = CASE WHEN tried.state = 'delivered' THEN $4::timestamptz ELSE w.last_delivered_at END,
    failing_since = CASE WHEN tried.state = 'delivered' THEN NULL ELSE coalesce(w.failing_since, $4::timestamptz) END,
    last_error = $9
  FROM tried WHERE w.id = tried.webhook_id`;

/** $1 webhook. Deliveries are locked before their webhook, as `RECORD` does: neither waits for the other in a circle. */
export const LOCK_DELIVERIES = `
  SELECT count(*) FROM (
    SELECT 1 FROM webhook_delivery WHERE webhook_id = $1::uuid AND state IN ('queued', 'dead') ORDER BY event_id FOR UPDATE) locked`;

/** $1 webhook, $2 now, $3 why: nothing more is sent to it. */
export const BURY_QUEUED = `
  UPDATE webhook_delivery SET state = 'dead', ended_at = $2::timestamptz, lease_until = NULL, last_error = $3
  WHERE webhook_id = $1::uuid AND state = 'queued'`;

/** $1 due before, $2 now, $3 why, $4 at most. */
export const BURY_OLD = `
  UPDATE webhook_delivery d SET state = 'dead', ended_at = $2::timestamptz, lease_until = NULL, last_error = $3
  FROM (
    SELECT webhook_id, event_id FROM webhook_delivery WHERE state = 'queued' AND next_at < $1::timestamptz
    ORDER BY next_at LIMIT $4 FOR UPDATE SKIP LOCKED) old
  WHERE d.webhook_id = old.webhook_id AND d.event_id = old.event_id`;

/** $1 ended before. A row when there are such dead letters. */
export const ANY_DEAD = `SELECT 1 FROM webhook_delivery WHERE state = 'dead' AND ended_at < $1::timestamptz LIMIT 1`;

/** $1 state, $2 ended before, $3 at most. By the places of the rows, which are locked: nothing is looked for a second time. */
export const PURGE = `
  DELETE FROM webhook_delivery WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM webhook_delivery
    WHERE state = $1 AND ended_at IS NOT NULL AND ended_at < $2::timestamptz
    ORDER BY ended_at LIMIT $3 FOR UPDATE SKIP LOCKED))`;
