/** What a controller keeps in Postgres, as plain values: everything here survives a restart, nothing else does. */
import type { Facts, HostState, Presence } from '@headroom/core';
import type { GrantRow } from '../../apps/controller/src/exceptions/grant-check.ts';
import type { JobState } from '../../apps/controller/src/jobs/job-life.ts';
import type { Lane } from '../../apps/controller/src/jobs/job-store.ts';

interface ReportRow {
  sessionNumber: bigint;
  bootOrdinal: number;
  sequence: bigint;
  capabilities: readonly string[];
  facts: Facts | null;
  factsSha256: string | null;
  lastSeenAt: Date | null;
  bootSessionId: string | null;
  bootFirstSeenAt: Date | null;
  generation: bigint;
}

export interface StateRow {
  state: HostState;
  presence: Presence;
  findings: readonly { readonly code: string }[];
  record: object;
  dueAt: Date | null;
  reviewAt: Date | null;
  evaluatedAt: Date | null;
}

export interface IntentRow {
  number: number;
  quota: number;
  grant: GrantRow;
}

export interface HostRow {
  readonly id: string;
  readonly hardwareUuid: string;
  readonly report: ReportRow;
  readonly state: StateRow;
  readonly intent: IntentRow;
}

export interface PlanRow {
  readonly id: string;
  readonly hostId: string;
  readonly generation: bigint;
  readonly intentNumber: number;
  readonly bytes: Uint8Array;
  state: string;
}

export interface JobRow {
  readonly id: string;
  readonly hostId: string;
  readonly planId: string | null;
  readonly lane: Lane;
  readonly stepIndex: number;
  readonly kind: string;
  state: JobState;
  leaseNumber: number;
  leaseSession: bigint | null;
  leaseExpiresAt: Date | null;
  attempts: number;
  notBefore: Date | null;
  result: unknown;
  errorCode: string | null;
  errorDetail: string | null;
  finishedAt: Date | null;
}

export interface VisitRow {
  readonly id: string;
  readonly hostId: string;
  readonly kind: 'raise' | 'restart';
  state: string;
  code: string | null;
  quota: number | null;
  bootArgs: string | null;
  kcMd5: string | null;
  expiresAt: Date | null;
  readonly createdAt: Date;
  openedAt: Date | null;
}

export interface Rows {
  readonly hosts: HostRow[];
  readonly plans: PlanRow[];
  readonly jobs: JobRow[];
  readonly visits: VisitRow[];
}

export function newHost(id: string, hardwareUuid: string, intent: IntentRow, now: Date): HostRow {
  return {
    id,
    hardwareUuid,
    report: {
      sessionNumber: 0n,
      bootOrdinal: 0,
      sequence: 0n,
      capabilities: [],
      facts: null,
      factsSha256: null,
      lastSeenAt: null,
      bootSessionId: null,
      bootFirstSeenAt: null,
      generation: 0n,
    },
    state: {
      state: 'no_facts',
      presence: 'silent',
      findings: [],
      record: {},
      dueAt: now,
      reviewAt: null,
      evaluatedAt: null,
    },
    intent,
  };
}

export function hostOf(rows: Rows, id: string): HostRow {
  const host = rows.hosts.find((one) => one.id === id);
  if (host === undefined) throw new Error(`there is no host ${id}`);
  return host;
}

/** Puts what was read from a snapshot in the place of what is there: every holder of `rows` sees it. */
export function replaceRows(rows: Rows, by: Rows): void {
  const copy = structuredClone(by);
  for (const name of ['hosts', 'plans', 'jobs', 'visits'] as const)
    (rows[name] as unknown[]).splice(0, rows[name].length, ...copy[name]);
}
