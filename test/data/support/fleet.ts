/** A small fleet with something in every table, of the kinds of values that are easily lost on the way. */
import type pg from 'pg';

const NOW = '2026-11-23T10:00:00.123Z';
/** Made for this file: ids in the order of `at`, so that they sort as the controller's own. */
const id = (n: number) => `019cf000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const SITE = id(1);
const HOSTS = [id(10), id(11)];

/** Statements of the first schema only: also used to make the committed export of that time. */
const STATEMENTS: readonly (readonly [string, ...unknown[]])[] = [
  ['INSERT INTO site VALUES ($1, $2, $3)', SITE, 'Köln "R&D" \\ 東京', NOW],
  ['INSERT INTO fleet VALUES ($1, $2, $3, $4)', id(2), SITE, 'sample', NOW],
  ...HOSTS.map(
    (host, index) =>
      [
        `INSERT INTO host (id, site_id, hardware_uuid, name, serial, simulated, enrolled_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        ...[
          host,
          SITE,
          `AAAAAAAA-0000-0000-0000-00000000000${index}`,
          `mac ${index}\nsecond line`,
          null,
          index === 1,
          NOW,
        ],
      ] as const,
  ),
  ['INSERT INTO host_label VALUES ($1, $2, $3), ($1, $2, $4)', HOSTS[0], SITE, 'rack=7', 'ü{,}"'],
  [
    `INSERT INTO host_report (host_id, site_id, session_number, boot_ordinal, sequence, capabilities, facts, generation)
     VALUES ($1, $2, 9223372036854775807, 7, 9007199254740993, $3, $4, 3)`,
    ...[
      HOSTS[0],
      SITE,
      ['a', 'b "c"', '{}'],
      String.raw`{"text": "a\u2028b", "number": 12345678901234567890.10, "none": null, "list": [1.5, []]}`,
    ],
  ],
  ['INSERT INTO host_report (host_id, site_id) VALUES ($1, $2)', HOSTS[1], SITE],
  [
    `INSERT INTO host_state (host_id, site_id, state, state_since, findings, due_at) VALUES ($1, $2, 'raised', $3, $4, $3)`,
    ...[HOSTS[0], SITE, NOW, JSON.stringify([{ code: 'X', severity: 'note' }])],
  ],
  ['INSERT INTO host_state (host_id, site_id, state_since) VALUES ($1, $2, $3)', HOSTS[1], SITE, NOW],
  ['INSERT INTO policy VALUES ($1, $2, $3, $4, NULL)', id(20), SITE, 'render', NOW],
  [
    'INSERT INTO policy_revision VALUES ($1, $2, $3, 1, 4, $4, $5, $6, $7)',
    ...[id(21), SITE, id(20), ['-v'], { labels: ['rack=7'] }, 'token:admin', NOW],
  ],
  [
    `INSERT INTO risk_exception VALUES ($1, $2, $3, 'p', 'r', '1', 'ab', 'self', 'token:admin', $4, $4, NULL)`,
    ...[id(22), SITE, id(21), NOW],
  ],
  [`INSERT INTO "grant" VALUES ($1, $2, $3, 'payload', 'sig', 'k', $4, $4, NULL)`, id(23), SITE, id(22), NOW],
  [`INSERT INTO rollout VALUES ($1, $2, $3, 'finished', 'token:admin', $4, $4)`, id(24), SITE, id(21), NOW],
  [`INSERT INTO rollout_target VALUES ($1, $2, $3, 0, 'succeeded', NULL, $4, $4)`, id(24), HOSTS[0], SITE, NOW],
  [
    'INSERT INTO intent VALUES ($1, $2, 1, $3, 4, $4, $5, $6, $7)',
    ...[HOSTS[0], SITE, id(21), ['-v'], id(23), id(24), NOW],
  ],
  [
    `INSERT INTO plan VALUES ($1, $2, $3, 3, 1, $4, $5, 'done', $6, $6)`,
    ...[id(30), SITE, HOSTS[0], Buffer.from([0, 10, 92, 255]), Buffer.alloc(0), NOW],
  ],
  [
    `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, lease_number, lease_session, result, created_at)
     VALUES ($1, $2, $3, $4, 'plan', 0, 'collect_facts', 'succeeded', 2, 5, $5, $6)`,
    ...[id(31), SITE, HOSTS[0], id(30), { ok: true }, NOW],
  ],
  [
    `INSERT INTO visit (id, site_id, host_id, kind, state, reason, code, created_at) VALUES ($1, $2, $3, 'raise', 'closed', 'r', 'ABCDE12345', $4)`,
    ...[id(32), SITE, HOSTS[0], NOW],
  ],
  [`INSERT INTO kdk VALUES ($1, $2, '14.5', '23F79', 'ab', 5000000000, 'k.dmg', 'token:admin', $3)`, id(33), SITE, NOW],
  [`INSERT INTO enrol_token VALUES ($1, $2, 'ab', 1, $3, 'token:admin', $4, $4)`, id(34), SITE, ['lab'], NOW],
  [
    `INSERT INTO certificate VALUES ('01', $1, $2, 'ab', $3, $4, $5, $5, NULL)`,
    ...[SITE, HOSTS[0], id(34), '-----BEGIN CERTIFICATE-----\nsample\n-----END CERTIFICATE-----\n', NOW],
  ],
  [`INSERT INTO api_token VALUES ($1, $2, 'admin', 'admin', 'ab', $3, NULL)`, id(35), SITE, NOW],
  ...['2024-01-31T23:59:59.999Z', '2026-10-31T23:59:59.999Z', NOW].flatMap(
    (at, index) =>
      [
        [
          `INSERT INTO audit VALUES ($1, $2, $3, 'system:test', 'a', 'host', 'x', NULL, $4)`,
          id(40 + index),
          SITE,
          at,
          { a: [null] },
        ],
        [`INSERT INTO host_event VALUES ($1, $2, $3, $4, 'session', $5)`, id(50 + index), SITE, HOSTS[0], at, {}],
      ] as const,
  ),
];

export async function writeSampleFleet(client: pg.ClientBase): Promise<void> {
  for (const [sql, ...values] of STATEMENTS) await client.query(sql, values);
}
