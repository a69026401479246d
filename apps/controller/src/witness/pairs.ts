/** Pairs of macOS build and kernel variant: on how many Macs here a raise of each was witnessed. */
import { QUOTA_STOCK } from '@headroom/core';
import type { Database, Tx } from '../db/database.ts';

export interface Pair {
  readonly build: string;
  readonly variant: string;
}

export interface PairView extends Pair {
  /** Macs that have this pair now. */
  readonly macs: number;
  readonly raised: number;
  /** Macs on which it was ever witnessed. */
  readonly witnessedOn: number;
  readonly witnessedAt: Date | null;
}

const PAIRS = `
  WITH present AS (
    SELECT r.facts #>> '{os,baseBuild}' AS build, upper(r.facts #>> '{kernel,variant}') AS variant, count(*)::int AS macs,
      (count(*) FILTER (WHERE s.state = 'raised'))::int AS raised
    FROM host_report r JOIN host h ON h.id = r.host_id JOIN host_state s ON s.host_id = r.host_id
    WHERE h.retired_at IS NULL AND r.facts IS NOT NULL GROUP BY 1, 2),
  seen AS (
    SELECT build, upper(variant) AS variant, count(DISTINCT host_id)::int AS macs, max(counted_at) AS at
    FROM witness WHERE counted_at IS NOT NULL GROUP BY 1, 2)
  SELECT COALESCE(p.build, s.build) AS build, COALESCE(p.variant, s.variant) AS variant, COALESCE(p.macs, 0) AS macs,
    COALESCE(p.raised, 0) AS raised, COALESCE(s.macs, 0) AS "witnessedOn", s.at AS "witnessedAt"
  FROM present p FULL JOIN seen s ON s.build = p.build AND s.variant = p.variant
  WHERE COALESCE(p.build, s.build) IS NOT NULL AND COALESCE(p.variant, s.variant) IS NOT NULL ORDER BY 1, 2`;

export function readPairs({ prisma }: Database): Promise<readonly PairView[]> {
  return prisma.$queryRawUnsafe<PairView[]>(PAIRS);
}

/** Was the pair that report `r` tells witnessed here? A Mac that told none has none. */
const WAS_WITNESSED = `EXISTS (SELECT 1 FROM witness w WHERE w.build = r.facts #>> '{os,baseBuild}'
      AND upper(w.variant) = upper(r.facts #>> '{kernel,variant}') AND w.counted_at IS NOT NULL)`;

/** $1 hosts. Of these, the ones with a pair that was never witnessed here. A Mac whose pair is not known has none. */
export const NEVER_WITNESSED = `
  SELECT r.host_id::text AS "hostId", r.facts #>> '{os,baseBuild}' AS build, upper(r.facts #>> '{kernel,variant}') AS variant
  FROM host_report r
  WHERE r.host_id = ANY($1::uuid[]) AND r.facts #>> '{os,baseBuild}' IS NOT NULL AND r.facts #>> '{kernel,variant}' IS NOT NULL
    AND NOT ${WAS_WITNESSED}
  ORDER BY build, variant, r.host_id`;

export function neverWitnessed(tx: Tx, hostIds: readonly string[]): Promise<readonly (Pair & { hostId: string })[]> {
  return tx.$queryRawUnsafe(NEVER_WITNESSED, [...hostIds]);
}

/** $1 rollout, $2 stock. Of a raise: Macs that wait or are under way, and whose pair was never witnessed here; null = a Mac told none. */
export const UNSEEN_TARGETS = `
  SELECT t.host_id::text AS "hostId", upper(r.facts #>> '{kernel,variant}') || ' ' || (r.facts #>> '{os,baseBuild}') AS pair
  FROM rollout_target t JOIN rollout o ON o.id = t.rollout_id JOIN policy_revision q ON q.id = o.revision_id AND q.quota > $2::int
    LEFT JOIN host_report r ON r.host_id = t.host_id
  WHERE t.rollout_id = $1::uuid AND t.state IN ('pending', 'opened') AND NOT ${WAS_WITNESSED}`;

export async function unseenPairs(tx: Tx, rolloutId: string): Promise<ReadonlyMap<string, string | null>> {
  const rows = await tx.$queryRawUnsafe<{ hostId: string; pair: string | null }[]>(
    UNSEEN_TARGETS,
    rolloutId,
    QUOTA_STOCK,
  );
  return new Map(rows.map(({ hostId, pair }) => [hostId, pair]));
}

export function witnessedText(macs: number): string {
  if (macs === 0) return 'never';
  return `witnessed on ${macs} Mac${macs === 1 ? '' : 's'} here`;
}
