/**
 * The order of locks: whoever changes a host's report, plan or jobs takes this lock first (state, then report), then jobs,
 * then plans. Two changes of one host therefore never wait for each other in a circle.
 */
import type pg from 'pg';
import type { Tx } from '../db/database.ts';

export interface LockedReport {
  readonly hostId: string;
  readonly sessionNumber: bigint;
  readonly bootOrdinal: number;
  readonly sequence: bigint;
  readonly factsSha256: string | null;
  readonly bootSessionId: string | null;
  readonly generation: bigint;
  /** As of the last session; empty before the first. */
  readonly capabilities: readonly string[];
  readonly presence: string;
}

/** Locks a host until the transaction ends; null when it is not enrolled. */
export async function lockHost(tx: Tx, hostId: string): Promise<LockedReport | null> {
  const states = await tx.$queryRaw<{ presence: string }[]>`
    SELECT presence FROM host_state WHERE host_id = ${hostId}::uuid FOR UPDATE`;
  const reports = await tx.$queryRaw<Omit<LockedReport, 'presence'>[]>`
    SELECT host_id AS "hostId", session_number AS "sessionNumber", boot_ordinal AS "bootOrdinal", sequence,
           facts_sha256 AS "factsSha256", boot_session_id AS "bootSessionId", generation, capabilities
    FROM host_report WHERE host_id = ${hostId}::uuid FOR UPDATE`;
  const [state] = states;
  const [report] = reports;
  return state === undefined || report === undefined ? null : { ...report, ...state };
}

interface LockedRow extends Omit<LockedReport, 'sessionNumber' | 'sequence' | 'generation'> {
  readonly sessionNumber: string;
  readonly sequence: string;
  readonly generation: string;
}

/** $1 hosts, in whose order the rows are locked. */
const LOCK = `
  SELECT s.host_id AS "hostId", s.presence, r.session_number AS "sessionNumber", r.boot_ordinal AS "bootOrdinal", r.sequence,
    r.facts_sha256 AS "factsSha256", r.boot_session_id AS "bootSessionId", r.generation, r.capabilities
  FROM host_state s JOIN host_report r ON r.host_id = s.host_id
  WHERE s.host_id = ANY($1::uuid[]) ORDER BY s.host_id FOR UPDATE OF s, r`;
const LOCK_HOSTS = { name: 'lock_hosts', text: `${LOCK} SKIP LOCKED` };
const LOCK_HOST = { name: 'lock_host', text: LOCK };

/**
 * The same for many hosts, by id. Hosts that somebody else holds are left out, except when `wait` is set: use that for one host
 * only, so that nobody who holds some waits for others.
 */
export async function lockHosts(
  client: pg.ClientBase,
  hostIds: readonly string[],
  wait: boolean,
): Promise<ReadonlyMap<string, LockedReport>> {
  const { rows } = await client.query<LockedRow>({ ...(wait ? LOCK_HOST : LOCK_HOSTS), values: [hostIds] });
  return new Map(
    rows.map(({ sessionNumber, sequence, generation, ...row }) => [
      row.hostId,
      { ...row, sessionNumber: BigInt(sessionNumber), sequence: BigInt(sequence), generation: BigInt(generation) },
    ]),
  );
}
