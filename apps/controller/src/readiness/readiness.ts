import { RAISE_DEGREES } from '@headroom/core';
import type { Database } from '../db/database.ts';
import { PROOF_SQL } from '../hosts/filter-sql.ts';

/** Sample hosts shown with each cause. */
const SAMPLES = 5;

interface CauseRow {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly nextStep: string;
  readonly hosts: number;
  readonly samples: readonly { readonly id: string; readonly name: string }[];
}

const STATES = `
  SELECT s.state, count(*)::int AS hosts FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.retired_at IS NULL GROUP BY s.state ORDER BY hosts DESC, s.state`;

const PROOFS = `
  SELECT ${PROOF_SQL} AS proof, count(*)::int AS hosts FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.retired_at IS NULL AND s.state = 'raised' GROUP BY 1`;

const PRESENCES = `
  SELECT s.presence, count(*)::int AS hosts FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.retired_at IS NULL GROUP BY s.presence ORDER BY hosts DESC, s.presence`;

/** $1 samples. One cause counts a Mac once, however often it is found there; the most common text stands for it. */
const CAUSES = `
  WITH found AS (
    SELECT DISTINCT ON (h.id, f.value ->> 'code') h.id, h.name, f.value ->> 'code' AS code,
      f.value ->> 'severity' AS severity, f.value ->> 'title' AS title, f.value ->> 'nextStep' AS next_step
    FROM host_state s JOIN host h ON h.id = s.host_id, jsonb_array_elements(s.findings) AS f
    WHERE h.retired_at IS NULL AND f.value ->> 'severity' = 'blocker')
  SELECT code, severity, mode() WITHIN GROUP (ORDER BY title) AS title,
    mode() WITHIN GROUP (ORDER BY next_step) AS "nextStep", count(*)::int AS hosts,
    to_jsonb((array_agg(jsonb_build_object('id', id, 'name', name) ORDER BY id))[1:$1::int]) AS samples
  FROM found GROUP BY code, severity ORDER BY hosts DESC, code`;

/** The fleet by state, and what blocks it by cause. */
export async function readiness({ prisma }: Database) {
  const [states, proofs, presences, causes] = await Promise.all([
    prisma.$queryRawUnsafe<{ state: string; hosts: number }[]>(STATES),
    prisma.$queryRawUnsafe<{ proof: string; hosts: number }[]>(PROOFS),
    prisma.$queryRawUnsafe<{ presence: string; hosts: number }[]>(PRESENCES),
    prisma.$queryRawUnsafe<CauseRow[]>(CAUSES, SAMPLES),
  ]);
  return {
    hosts: states.reduce((sum, { hosts }) => sum + hosts, 0),
    byState: Object.fromEntries(states.map(({ state, hosts }) => [state, hosts])),
    raised: Object.fromEntries(
      RAISE_DEGREES.map((one) => [one, proofs.find(({ proof }) => proof === one)?.hosts ?? 0]),
    ),
    byPresence: Object.fromEntries(presences.map(({ presence, hosts }) => [presence, hosts])),
    blockedBy: causes.map(({ samples, ...cause }) => ({ ...cause, samples: [...samples] })),
  };
}
