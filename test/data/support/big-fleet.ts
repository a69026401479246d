/** Tables as large as a big fleet makes them, filled inside Postgres, spread as they are in use: most of it is over and done. */
import type pg from 'pg';

export const HOSTS = 20_000;
export const NOW = new Date('2026-11-23T10:00:00Z');

/** Kinds of ids, so that no two tables share one. */
const KIND = { host: 1, plan: 2, job: 3, visit: 4, event: 5, audit: 6, rollout: 7, policy: 8, revision: 9 } as const;

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
  `INSERT INTO intent (host_id, site_id, number, quota, extra_args, set_at)
   SELECT ${host}, $1, 1, 2, '{}', $2 FROM ${series('h', HOSTS)}`,
  `INSERT INTO certificate (serial, site_id, host_id, public_key_sha256, pem, not_after, issued_at)
   SELECT md5(h || '/' || n), $1, ${host}, md5(h::text), 'pem', $2::timestamptz + interval '90 days', $2::timestamptz FROM ${series('h', HOSTS)}, ${series('n', 3)}`,
  // Three plans of each host; the last of one in 50 is open.
  `INSERT INTO plan (id, site_id, host_id, generation, intent_number, bytes, signature, state, created_at)
   SELECT ${id('plan', 'h * 4 + n')}, $1, ${host}, n, 1, '{"steps":[{"kind":"collect_facts"}]}', '',
     CASE WHEN n = 3 AND h % 50 = 0 THEN 'open' ELSE 'done' END, $2 FROM ${series('h', HOSTS)}, ${series('n', 3)}`,
  // Two jobs of each plan; those of open plans wait, are leased, or wait for a back-off.
  `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, lease_number, lease_session, lease_expires_at,
     not_before, created_at, finished_at)
   SELECT ${id('job', 'h * 8 + n * 2 + s')}, $1, ${host}, ${id('plan', 'h * 4 + n')}, 'plan', s, 'collect_facts',
     CASE WHEN NOT open THEN 'succeeded' WHEN h % 150 = 0 THEN 'leased' ELSE 'queued' END, 1, 5,
     CASE WHEN open AND h % 150 = 0 THEN $2::timestamptz + (h % 7 - 3) * interval '10 s' END,
     CASE WHEN open AND h % 250 = 0 THEN $2::timestamptz END, $2, CASE WHEN NOT open THEN $2::timestamptz END
   FROM ${series('h', HOSTS)}, ${series('n', 3)}, ${series('s', 2)},
     LATERAL (SELECT n = 3 AND s = 2 AND h % 50 = 0 AS open) o`,
  `INSERT INTO visit (id, site_id, host_id, kind, state, reason, created_at)
   SELECT ${id('visit', 'h')}, $1, ${host}, 'raise',
     CASE WHEN h % 100 = 0 THEN 'due' WHEN h % 300 = 1 THEN 'open' ELSE 'closed' END, 'r', $2 FROM ${series('h', HOSTS)}`,
  `INSERT INTO host_event (id, site_id, host_id, at, kind, detail)
   SELECT ${id('event', `n * ${HOSTS} + h`)}, $1, ${host}, $2::timestamptz - (6 - n) * interval '28 days', 'state', '{}'
   FROM ${series('n', 6)}, ${series('h', HOSTS)}`,
  `INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id)
   SELECT ${id('audit', `n * ${HOSTS} + h`)}, $1, $2::timestamptz - (6 - n) * interval '60 days', 'system:test', 'host.state', 'host', h::text
   FROM ${series('n', 6)}, ${series('h', HOSTS)}`,
  `INSERT INTO policy (id, site_id, name, created_at) SELECT ${id('policy', '1')}, $1, 'stock', $2`,
  `INSERT INTO policy_revision (id, site_id, policy_id, number, quota, extra_args, selector, created_by, created_at)
   SELECT ${id('revision', '1')}, $1, ${id('policy', '1')}, 1, 2, '{}', '{"labels":["all"]}', 't', $2`,
  `INSERT INTO rollout (id, site_id, revision_id, state, created_by, created_at)
   SELECT ${id('rollout', 'r')}, $1, ${id('revision', '1')}, CASE WHEN r = 100 THEN 'running' ELSE 'finished' END, 't', $2
   FROM ${series('r', 100)}`,
  // Each rollout had 100 targets; of the last, a few are still to be opened.
  `INSERT INTO rollout_target (rollout_id, host_id, site_id, state)
   SELECT ${id('rollout', 'r')}, ${host}, $1, CASE WHEN r < 100 THEN 'succeeded' WHEN h % 10 = 0 THEN 'pending' ELSE 'opened' END
   FROM ${series('r', 100)}, LATERAL generate_series(r * 100 - 99, r * 100) h
   WHERE $2::timestamptz IS NOT NULL`,
];

export async function fillBigFleet(pool: pg.Pool, siteId: string): Promise<void> {
  for (const sql of STATEMENTS) await pool.query(sql, [siteId, NOW]);
}
