/** What a controller keeps in Postgres, as plain values: everything here survives a restart, nothing else does. */
import type { Facts, HostState, Presence, RolloutState, RolloutStrategy, TargetState, VisitKind } from '@headroom/core';
import type { JobState } from '../../apps/controller/src/jobs/job-life.ts';
import type { Lane } from '../../apps/controller/src/jobs/job-store.ts';
import type { Selector } from '../../apps/controller/src/policies/selector.ts';

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
  stateSince: Date;
  presence: Presence;
  findings: readonly { readonly code: string }[];
  record: object;
  dueAt: Date | null;
  reviewAt: Date | null;
  evaluatedAt: Date | null;
}

export interface HostRow {
  readonly id: string;
  readonly hardwareUuid: string;
  readonly report: ReportRow;
  readonly state: StateRow;
  labels: readonly string[];
  /** Where it stands; null = nobody said. */
  location: string | null;
  relabelledAt: Date | null;
  readonly retiredAt: null;
}

export interface IntentRow {
  readonly hostId: string;
  number: number;
  quota: number;
  extraArgs: readonly string[];
  revisionId: string | null;
  grantId: string | null;
  rolloutId: string | null;
}

export interface PolicyRow {
  readonly id: string;
  readonly name: string;
  appliedRevisionId: string | null;
  archivedAt: Date | null;
}

export interface RevisionRow {
  readonly id: string;
  readonly policyId: string;
  readonly number: number;
  readonly priority: number;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly selector: Selector;
  readonly strategy: RolloutStrategy | null;
}

export interface ExceptionRow {
  readonly id: string;
  readonly policyRevisionId: string;
  readonly purpose: string;
  readonly awaitsApproval: boolean;
  readonly expiresAt: Date;
  revokedAt: Date | null;
  endedAt: Date | null;
}

export interface GrantRow {
  readonly id: string;
  readonly exceptionId: string;
  readonly payload: string;
  readonly signature: string;
  readonly keyId: string;
  readonly expiresAt: Date;
  revokedAt: Date | null;
}

export interface RolloutRow {
  readonly id: string;
  readonly revisionId: string | null;
  readonly exceptionId: string | null;
  readonly strategy: RolloutStrategy | null;
  readonly title: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly asksConfirmation: boolean;
  confirmedAt: Date | null;
  state: RolloutState;
  stateReason: string | null;
  gatesOpened: readonly number[];
  decidedAt: Date | null;
  reviewAt: Date | null;
  finishedAt: Date | null;
}

export interface TargetRow {
  readonly rolloutId: string;
  readonly hostId: string;
  readonly ring: number;
  state: TargetState;
  reason: string | null;
  openedAt: Date | null;
  endedAt: Date | null;
  notedAt: Date;
}

export interface PlanRow {
  readonly id: string;
  readonly hostId: string;
  readonly generation: bigint;
  readonly intentNumber: number;
  readonly bytes: Uint8Array;
  readonly grantId?: string | null;
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
  readonly kind: VisitKind;
  state: string;
  code: string | null;
  quota: number | null;
  bootArgs: string | null;
  kcMd5: string | null;
  expiresAt: Date | null;
  readonly createdAt: Date;
  openedAt: Date | null;
}

/** Guests that somebody counted in one boot of a Mac; build and variant once that made a raise witnessed. */
export interface WitnessRow {
  readonly id: string;
  readonly hostId: string;
  readonly bootSessionId: string;
  macosGuests: number;
  source: string;
  saidBy: string;
  at: Date;
  build: string | null;
  variant: string | null;
  countedAt: Date | null;
}

export interface Rows {
  readonly hosts: HostRow[];
  readonly intents: IntentRow[];
  readonly policies: PolicyRow[];
  readonly revisions: RevisionRow[];
  readonly exceptions: ExceptionRow[];
  readonly grants: GrantRow[];
  readonly rollouts: RolloutRow[];
  readonly targets: TargetRow[];
  readonly plans: PlanRow[];
  readonly jobs: JobRow[];
  readonly visits: VisitRow[];
  readonly witnesses: WitnessRow[];
}

export function noRows(): Rows {
  return {
    ...{ hosts: [], intents: [], policies: [], revisions: [], exceptions: [], grants: [] },
    ...{ rollouts: [], targets: [], plans: [], jobs: [], visits: [], witnesses: [] },
  };
}

export function newHost(id: string, hardwareUuid: string, now: Date): HostRow {
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
      stateSince: now,
      presence: 'silent',
      findings: [],
      record: {},
      dueAt: now,
      reviewAt: null,
      evaluatedAt: null,
    },
    labels: [],
    location: null,
    relabelledAt: null,
    retiredAt: null,
  };
}

export function hostOf(rows: Rows, id: string): HostRow {
  const host = rows.hosts.find((one) => one.id === id);
  if (host === undefined) throw new Error(`there is no host ${id}`);
  return host;
}

/** As statements order what they give. */
export function byId<Row extends { readonly id: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

export function byHost<Row extends { readonly hostId: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((left, right) => (left.hostId < right.hostId ? -1 : 1));
}

/** What is wanted of a host; undefined = nobody wanted anything yet. */
export function intentOf({ intents }: Rows, hostId: string): IntentRow | undefined {
  return intents.find((one) => one.hostId === hostId);
}

/** Puts what was read from a snapshot in the place of what is there: every holder of `rows` sees it. */
export function replaceRows(rows: Rows, by: Rows): void {
  const copy = structuredClone({ ...by });
  for (const name of Object.keys(copy) as (keyof Rows)[])
    (rows[name] as unknown[]).splice(0, rows[name].length, ...copy[name]);
}

export function isOpenVisit({ state }: VisitRow): boolean {
  return state === 'due' || state === 'open';
}

export function timeOf(at: Date | null): number {
  return at?.getTime() ?? 0;
}
