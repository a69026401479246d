/**
 * The order of locks: whoever changes a host's report, plan or jobs takes this lock first (state, then report), then jobs,
 * then plans. Two changes of one host therefore never wait for each other in a circle.
 */
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
