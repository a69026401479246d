import { FILTER_TABLES, hostCondition } from '../hosts/filter-sql.ts';

export interface RuleText {
  readonly label: string;
  readonly filter: string;
}

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A host whose labels a rule changed, or who gives one of them: a rule also gives what an admin gave before, or does not any more. */
export interface RuledHost {
  readonly hostId: string;
  readonly change: 'given' | 'taken' | 'also_given' | 'let_go';
}

/**
 * Gives a rule's label to those of these hosts that fit, and takes it from those that surely do not. Unknown keeps what is there, and
 * what an admin gave stays. Says which hosts have the label now and had not, the other way round, and whose giver changed.
 */
export function applyRule(
  rule: RuleText & { readonly id: string; readonly removed: boolean },
  hostIds: readonly string[],
): Statement {
  const { sql, values } = rule.removed ? { sql: 'false', values: [] } : conditionOf(rule, 4);
  const text = `
    WITH judged AS (
      SELECT h.id, h.site_id, ${sql} AS fits FROM ${FILTER_TABLES} WHERE h.id = ANY($1::uuid[]) AND h.retired_at IS NULL),
    taken AS (
      DELETE FROM host_label l USING judged j
      WHERE l.host_id = j.id AND l.rule_id = $2::uuid AND NOT l.by_admin AND j.fits IS FALSE RETURNING l.host_id),
    let_go AS (
      UPDATE host_label l SET rule_id = NULL FROM judged j
      WHERE l.host_id = j.id AND l.rule_id = $2::uuid AND l.by_admin AND j.fits IS FALSE RETURNING l.host_id),
    given AS (
      INSERT INTO host_label AS l (host_id, site_id, label, by_admin, rule_id)
      SELECT j.id, j.site_id, $3, false, $2::uuid FROM judged j WHERE j.fits
      ON CONFLICT (host_id, label) DO UPDATE SET rule_id = excluded.rule_id WHERE l.rule_id IS DISTINCT FROM excluded.rule_id
      RETURNING l.host_id, xmax = 0 AS is_new)
    SELECT host_id::text AS "hostId", CASE WHEN is_new THEN 'given' ELSE 'also_given' END AS change FROM given
    UNION ALL SELECT host_id::text, 'taken' FROM taken UNION ALL SELECT host_id::text, 'let_go' FROM let_go ORDER BY 1`;
  return { text, values: [[...hostIds], rule.id, rule.label, ...values] };
}

/** What a rule would do, Mac by Mac; hosts for which nothing changes are counted only. $1 the label. */
export function previewRule(rule: RuleText): Statement {
  const { sql, values } = conditionOf(rule, 2);
  const text = `
    SELECT h.id::text AS "hostId", h.name, ${sql} AS fits, COALESCE(l.by_admin, false) AS "byAdmin", l.label IS NOT NULL AS has
    FROM ${FILTER_TABLES} LEFT JOIN host_label l ON l.host_id = h.id AND l.label = $1
    WHERE h.retired_at IS NULL ORDER BY h.id`;
  return { text, values: [rule.label, ...values] };
}

function conditionOf({ filter }: RuleText, first: number) {
  return hostCondition(filter, 'rule', 'body.filter', first);
}

/** $1 after this host, $2 now, $3 how many: marks the next hosts to be evaluated, in host order. Gives the last one. */
export const MARK_NEXT = `
  WITH next AS (
    SELECT s.host_id FROM host_state s JOIN host h ON h.id = s.host_id
    WHERE s.host_id > $1::uuid AND h.retired_at IS NULL ORDER BY s.host_id LIMIT $3 FOR UPDATE OF s),
  marked AS (UPDATE host_state s SET due_at = $2::timestamptz FROM next WHERE s.host_id = next.host_id)
  SELECT max(host_id::text) AS last FROM next`;

/** Rules that were removed and have no label left. */
export const FORGET_REMOVED = `
  DELETE FROM label_rule r WHERE r.removed_at IS NOT NULL AND r.spread_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM host_label l WHERE l.rule_id = r.id)`;

/** Rules that changed, and that not every Mac has been marked for. */
export const UNSPREAD = `SELECT id::text AS id, changed_at AS "changedAt" FROM label_rule WHERE spread_at IS NULL`;
