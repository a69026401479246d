/** Tables as large as a big fleet makes them, filled inside Postgres, spread as they are in use: most of it is over and done. */
import type pg from 'pg';

export const HOSTS = 20_000;
export const NOW = new Date('2026-11-23T10:00:00Z');

/** Kinds of ids, so that no two tables share one. */
const KIND = {
  ...{ host: 1, plan: 2, job: 3, visit: 4, event: 5, audit: 6, rollout: 7, policy: 8, revision: 9 },
  ...{ care: 10, exception: 11, grant: 12, webhook: 13, delivery: 14 },
} as const;

export const ROLLOUTS = 200;
/** Of what has to be large, and no larger. */
const SOME = 6_000;

/** The n-th id of a kind, in the order of n as UUIDv7 is in the order of time. */
export function idOf(kind: keyof typeof KIND, n: number): string {
  return `019a0000-0000-7${String(KIND[kind]).padStart(3, '0')}-8000-${n.toString(16).padStart(12, '0')}`;
}

const id = (kind: keyof typeof KIND, n: string) =>
  `('019a0000-0000-7${String(KIND[kind]).padStart(3, '0')}-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const host = id('host', 'h');
/** $1 = site, $2 = now. */
const series = (name: string, count: number) => `generate_series(1, ${count}) ${name}`;

const STATEMENTS: readonly string[] = [
  `INSERT INTO host (id, site_id, hardware_uuid, name, simulated, enrolled_at)
   SELECT ${host}, $1, 'UUID-' || h, 'mac-' || h, false, $2 FROM ${series('h', HOSTS)}`,
  // One label that all have, one of two halves, one of 200 racks.
  `INSERT INTO host_label (host_id, site_id, label)
   SELECT ${host}, $1, unnest(ARRAY['all', 'half-' || h % 2, 'rack-' || h % 200]) FROM ${series('h', HOSTS)}
   WHERE $2::timestamptz IS NOT NULL`,
  `INSERT INTO host_report (host_id, site_id, session_number, boot_ordinal, sequence, last_seen_at, facts_sha256, facts_at, generation)
   SELECT ${host}, $1, 5, 1, 100, $2::timestamptz - h % 60 * interval '1 s', md5(h::text), $2, 3 FROM ${series('h', HOSTS)}`,
  // 95 of 100 raised, 3 of 100 silent, 1 of 200 due, all to be looked at again some day.
  `INSERT INTO host_state (host_id, site_id, state, state_since, presence, findings, evaluated_at, due_at, review_at)
   SELECT ${host}, $1, CASE WHEN h % 20 = 0 THEN 'kdk_missing' ELSE 'raised' END, $2,
     CASE WHEN h % 33 = 0 THEN 'silent' ELSE 'online' END,
     CASE WHEN h % 20 = 0 THEN '[{"code":"KDK_NOT_IN_CATALOGUE","severity":"blocker","title":"t","nextStep":"n"}]'::jsonb ELSE '[]' END,
     $2, CASE WHEN h % 200 = 0 THEN $2::timestamptz END, $2::timestamptz + (h % 1440 + 1) * interval '1 min' FROM ${series('h', HOSTS)}`,
  // Of a few the exception has just ended.
  `INSERT INTO intent (host_id, site_id, number, quota, extra_args, revision_id, grant_id, set_at)
   SELECT ${host}, $1, 1, CASE WHEN raised THEN 255 ELSE 2 END, '{}',
     CASE WHEN raised THEN ${id('revision', '1')} END, CASE WHEN raised THEN ${id('grant', '1')} END, $2
   FROM ${series('h', HOSTS)}, LATERAL (SELECT h BETWEEN 15001 AND 15005 AS raised) r`,
  `INSERT INTO certificate (serial, site_id, host_id, public_key_sha256, pem, not_after, issued_at)
   SELECT md5(h || '/' || n), $1, ${host}, md5(h::text), 'pem', $2::timestamptz + interval '90 days', $2::timestamptz FROM ${series('h', HOSTS)}, ${series('n', 3)}`,
  // Three plans of each host, one of them over for long; the last of one in 50 is open.
  `INSERT INTO plan (id, site_id, host_id, generation, intent_number, bytes, signature, state, grant_id, created_at, ended_at)
   SELECT ${id('plan', 'h * 4 + n')}, $1, ${host}, n, 1, '{"steps":[{"kind":"collect_facts"}]}', '',
     CASE WHEN open THEN 'open' ELSE 'done' END, CASE WHEN n = 2 THEN ${id('grant', '1 + h % 50')} END, $2,
     CASE WHEN NOT open THEN $2::timestamptz - CASE WHEN n = 1 THEN interval '500 days' ELSE interval '1 day' END END
   FROM ${series('h', HOSTS)}, ${series('n', 3)}, LATERAL (SELECT n = 3 AND h % 50 = 0 AS open) o`,
  // Two jobs of each plan, one of which built a collection; those of open plans wait, are leased, or wait for a back-off.
  `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, lease_number, lease_session, lease_expires_at,
     not_before, created_at, finished_at, error_code)
   SELECT ${id('job', 'h * 8 + n * 2 + s')}, $1, ${host}, ${id('plan', 'h * 4 + n')}, 'plan', s,
     CASE WHEN n = 2 AND s = 1 THEN 'build_kc' ELSE 'collect_facts' END,
     CASE WHEN NOT open THEN CASE WHEN n = 1 AND h % 40 = 0 THEN 'failed' ELSE 'succeeded' END WHEN h % 150 = 0 THEN 'leased' ELSE 'queued' END, 1, 5,
     CASE WHEN open AND h % 150 = 0 THEN $2::timestamptz + (h % 7 - 3) * interval '10 s' END,
     CASE WHEN open AND h % 250 = 0 THEN $2::timestamptz END, $2, CASE WHEN NOT open THEN $2::timestamptz END,
     CASE WHEN n = 1 AND h % 40 = 0 THEN 'KDK_IMAGE_DAMAGED' END
   FROM ${series('h', HOSTS)}, ${series('n', 3)}, ${series('s', 2)},
     LATERAL (SELECT n = 3 AND s = 2 AND h % 50 = 0 AS open) o`,
  `INSERT INTO job (id, site_id, host_id, lane, step_index, kind, state, created_at, finished_at)
   SELECT ${id('care', 'h')}, $1, ${host}, 'care', 0, 'collect_facts', 'succeeded', $2, $2::timestamptz - interval '500 days'
   FROM ${series('h', SOME)}`,
  // One that is long over, and one of now.
  `INSERT INTO visit (id, site_id, host_id, kind, state, reason, created_at, closed_at)
   SELECT ${id('visit', `n * ${HOSTS} + h`)}, $1, ${host}, CASE WHEN n = 1 THEN 'revert' ELSE 'raise' END,
     CASE WHEN n = 2 AND h % 100 = 0 THEN 'due' WHEN n = 2 AND h % 300 = 1 THEN 'open' ELSE 'closed' END, 'r', $2,
     CASE WHEN n = 1 THEN $2::timestamptz - interval '500 days' END
   FROM ${series('n', 2)}, ${series('h', HOSTS)} WHERE n = 2 OR h <= ${SOME}`,
  `INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
   SELECT ${id('event', `n * ${HOSTS} + h`)}, $1, ${host}, $2::timestamptz - (6 - n) * interval '28 days', 'state', '{}'
   FROM ${series('n', 6)}, ${series('h', HOSTS)}`,
  `INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id)
   SELECT ${id('audit', `n * ${HOSTS} + h`)}, $1, $2::timestamptz - (6 - n) * interval '60 days', 'system:test', 'host.state', 'host', h::text
   FROM ${series('n', 6)}, ${series('h', HOSTS)}`,
  // What happened in the last seconds.
  `INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
   SELECT (lpad(to_hex(ms >> 16), 8, '0') || '-' || lpad(to_hex(ms & 65535), 4, '0') || '-7000-8000-000000000000')::uuid, $1, ${host},
     to_timestamp(ms / 1000.0), 'step.finished', '{}'
   FROM ${series('h', 200)}, LATERAL (SELECT (extract(epoch FROM $2::timestamptz) * 1000)::bigint - 30000 + h * 100 AS ms) t`,
  `INSERT INTO policy (id, site_id, name, created_at, applied_revision_id)
   SELECT ${id('policy', '1')}, $1, 'stock', $2, ${id('revision', '1')}`,
  `INSERT INTO policy_revision (id, site_id, policy_id, number, quota, extra_args, selector, created_by, created_at)
   SELECT ${id('revision', '1')}, $1, ${id('policy', '1')}, 1, 2, '{}', '{"labels":["all"]}', 't', $2`,
  `INSERT INTO risk_exception (id, site_id, policy_revision_id, purpose, reason, clause_version, shown_text_sha256, approvals,
     approver, created_at, expires_at, ended_at)
   SELECT ${id('exception', 'e')}, $1, ${id('revision', '1')}, 'p', 'r', '1', 'ab', 'self', 'token:a',
     $2::timestamptz - interval '90 days', $2, CASE WHEN e > 1 THEN $2::timestamptz END FROM ${series('e', 50)}`,
  `INSERT INTO "grant" (id, site_id, exception_id, payload, signature, key_id, created_at, expires_at)
   SELECT ${id('grant', 'e')}, $1, ${id('exception', 'e')}, '{"hostUuids":["UUID-15001"]}', 's', 'k', $2, $2
   FROM ${series('e', 50)}`,
  `INSERT INTO rollout (id, site_id, revision_id, state, created_by, created_at, finished_at)
   SELECT ${id('rollout', 'r')}, $1, CASE WHEN r % 2 = 0 THEN ${id('revision', '1')} END,
     CASE WHEN r = ${ROLLOUTS} THEN 'running' ELSE 'finished' END, 't', $2,
     CASE WHEN r < ${ROLLOUTS} THEN $2::timestamptz - interval '500 days' END
   FROM ${series('r', ROLLOUTS)}`,
  // Each rollout had 100 targets; of the last, a few are still to be opened.
  `INSERT INTO rollout_target (rollout_id, host_id, site_id, state)
   SELECT ${id('rollout', 'r')}, ${host}, $1,
     CASE WHEN r < ${ROLLOUTS} THEN 'succeeded' WHEN h % 10 = 0 THEN 'pending' ELSE 'opened' END
   FROM ${series('r', ROLLOUTS)}, LATERAL generate_series(r % 200 * 100 + 1, r % 200 * 100 + 100) h
   WHERE $2::timestamptz IS NOT NULL`,
  `UPDATE host SET relabelled_at = $2 WHERE site_id = $1 AND name IN ('mac-16001', 'mac-16002', 'mac-16003')`,
  // Nobody listens at this address.
  `INSERT INTO webhook (id, site_id, name, url, events, state, created_by, created_at, changed_at)
   SELECT ${id('webhook', 'w')}, $1, 'w' || w, 'http://127.0.0.1:9/', '{none}', 'on', 't', $2, $2 FROM ${series('w', 3)}`,
  `INSERT INTO webhook_delivery (webhook_id, event_id, site_id, type, occurred_at, body, state, next_at, ended_at)
   SELECT ${id('webhook', '1 + d % 3')}, ${id('delivery', 'd')}, $1, 'host.state', $2, '{}', state, $2,
     CASE WHEN state <> 'queued' THEN $2::timestamptz - d % 40 * interval '1 day' END
   FROM ${series('d', SOME)},
     LATERAL (SELECT CASE WHEN d % 600 = 0 THEN 'queued' WHEN d % 500 = 1 THEN 'dead' ELSE 'delivered' END AS state) s`,
];

export async function fillBigFleet(pool: pg.Pool, siteId: string): Promise<void> {
  for (const sql of STATEMENTS) await pool.query(sql, [siteId, NOW]);
}
