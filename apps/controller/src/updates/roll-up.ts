/** The fleet by the updates that it faces: one aggregate over what the evaluator stored, never a question per host. */
import type { UpdateVerdict, UpdateWay } from '@headroom/core';
import { decodeCursor, toPage } from '../api/paging.ts';
import type { Database } from '../db/database.ts';

/** Targets in one answer; a fleet faces a handful. */
export const TARGETS_MAX = 200;

/** What is stored in `host_state.updates` for each update that a host faces. */
interface StoredUpdate {
  readonly target: string;
  readonly version: string | null;
  readonly build: string | null;
  readonly ways: readonly UpdateWay[];
  readonly enforcedAt: string | null;
  readonly verdict: UpdateVerdict;
  readonly basis: string;
  /** Null = nobody accepted it, or it needs none. */
  readonly acceptanceId: string | null;
}

interface TargetRow {
  readonly target: string;
  readonly version: string | null;
  readonly build: string | null;
  readonly kdkInCatalogue: boolean;
  readonly hosts: number;
  readonly safe: number;
  readonly two_guests: number;
  readonly no_boot: number;
  readonly unknown: number;
  readonly accepted: number;
  readonly prepared: number;
  readonly enforced: number;
  readonly firstEnforcedAt: string | null;
  readonly lastEnforcedAt: string | null;
}

/** $1 how many. Most Macs first. */
const BY_TARGET = `
  SELECT f.*, EXISTS (SELECT 1 FROM kdk k WHERE k.build = f.build) AS "kdkInCatalogue" FROM (
    SELECT u.value ->> 'target' AS target, max(u.value ->> 'version') AS version, max(u.value ->> 'build') AS build,
      count(*)::int AS hosts,
      count(*) FILTER (WHERE u.value ->> 'verdict' = 'safe')::int AS safe,
      count(*) FILTER (WHERE u.value ->> 'verdict' = 'two_guests')::int AS two_guests,
      count(*) FILTER (WHERE u.value ->> 'verdict' = 'no_boot')::int AS no_boot,
      count(*) FILTER (WHERE u.value ->> 'verdict' = 'unknown')::int AS unknown,
      count(*) FILTER (WHERE u.value ->> 'acceptanceId' IS NOT NULL)::int AS accepted,
      count(*) FILTER (WHERE u.value -> 'ways' ? 'prepared')::int AS prepared,
      count(*) FILTER (WHERE u.value -> 'ways' ? 'enforced')::int AS enforced,
      min(u.value ->> 'enforcedAt') AS "firstEnforcedAt", max(u.value ->> 'enforcedAt') AS "lastEnforcedAt"
    FROM host_state s JOIN host h ON h.id = s.host_id, jsonb_array_elements(s.updates) AS u
    WHERE h.retired_at IS NULL GROUP BY 1 ORDER BY hosts DESC, target LIMIT $1::int) f
  ORDER BY f.hosts DESC, f.target`;

export async function updatesByTarget({ prisma }: Database) {
  const rows = await prisma.$queryRawUnsafe<TargetRow[]>(BY_TARGET, TARGETS_MAX + 1);
  return {
    updates: rows.slice(0, TARGETS_MAX).map(({ safe, two_guests, no_boot, unknown, ...row }) => ({
      ...row,
      byVerdict: { safe, two_guests, no_boot, unknown },
    })),
    isCut: rows.length > TARGETS_MAX,
  };
}

export interface HostsOfTarget {
  readonly target: string;
  readonly verdict?: UpdateVerdict | undefined;
  readonly accepted?: boolean | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

interface HostRow {
  readonly id: string;
  readonly name: string;
  readonly serial: string | null;
  readonly state: string;
  readonly update: StoredUpdate;
}

/** $1 target, $2 verdict or null, $3 accepted or null, $4 after which host or null, $5 how many. */
const HOSTS = `
  SELECT h.id::text AS id, h.name, h.serial, s.state, u.value AS update
  FROM host_state s JOIN host h ON h.id = s.host_id, jsonb_array_elements(s.updates) AS u
  WHERE h.retired_at IS NULL AND u.value ->> 'target' = $1::text
    AND ($2::text IS NULL OR u.value ->> 'verdict' = $2::text)
    AND ($3::boolean IS NULL OR (u.value ->> 'acceptanceId' IS NOT NULL) = $3::boolean)
    AND ($4::uuid IS NULL OR h.id > $4::uuid)
  ORDER BY h.id LIMIT $5::int`;

export async function hostsOfTarget({ prisma }: Database, { target, verdict, accepted, limit, cursor }: HostsOfTarget) {
  const values = [target, verdict ?? null, accepted ?? null, decodeCursor(cursor), limit + 1];
  const rows = await prisma.$queryRawUnsafe<HostRow[]>(HOSTS, ...values);
  return toPage(
    rows,
    limit,
    ({ id }) => id,
    ({ update: { target: _target, ...update }, ...host }) => ({
      ...host,
      ...update,
      ways: [...update.ways],
    }),
  );
}
