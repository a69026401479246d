/**
 * The database as evaluator, plan writer and visits use it, over rows in memory: the product's own code runs in the simulation,
 * and only what its SQL says is modelled. A statement that is not modelled ends the run by name.
 */
import type { Database } from '../../apps/controller/src/db/database.ts';
import * as sql from '../../apps/controller/src/evaluator/evaluator-sql.ts';
import { CONSENT } from '../../apps/controller/src/visits/visit-consent.ts';
import { WRITE_DELIVERIES } from '../../apps/controller/src/webhooks/outbox.ts';
import { hostOf, type JobRow, type PlanRow, type Rows, replaceRows, type StateRow, type VisitRow } from './rows.ts';

export const FLEET_ID = '0195aaaa-0000-7000-8000-000000000001';
const KDK_SHA256 = 'ef'.repeat(32);
export const BUILDS = ['23F79', '23G80'] as const;

/** The connection broke before the commit: nothing of the transaction is there. */
export class LostCommit extends Error {
  /** As Postgres would say it: no Mac's fault. */
  readonly code = '08006';
}

export interface MemoryOptions {
  readonly now: () => Date;
  /** Shall this transaction end without its commit? */
  readonly losesCommit: () => boolean;
  readonly onState: (hostId: string, state: StateRow) => void;
}

type Query = (...values: never[]) => unknown;

/** Transactions come one after the other: what one reads, nobody else changes. */
export function memoryDatabase(rows: Rows, options: MemoryOptions): Database {
  const queries = new Map<string, Query>([...reads(rows), ...writes(rows, options)]);
  const run = async (text: string, ...values: unknown[]) => {
    const query = queries.get(text) ?? (text.includes('SET generation = GREATEST') ? raiseGenerations(rows) : null);
    if (query === null) throw new Error(`the simulation has no model of this statement:${text}`);
    return query(...(values as never[]));
  };
  const tx = { $queryRawUnsafe: run, $executeRawUnsafe: run, ...tagged(rows), ...tables(rows) };
  const transaction = async (work: (tx: unknown) => Promise<unknown>) => {
    const before = options.losesCommit() ? structuredClone({ ...rows }) : null;
    const result = await work(tx);
    if (before === null) return result;
    replaceRows(rows, before);
    throw new LostCommit('the connection broke before the commit');
  };
  return { fleetId: FLEET_ID, siteId: FLEET_ID, prisma: tx, transaction, look: run } as unknown as Database;
}

function reads(rows: Rows): [string, Query][] {
  const jobsOf = (ids: readonly string[], kind: string) =>
    rows.jobs
      .filter((job) => ids.includes(job.hostId) && job.kind === kind && job.state === 'succeeded')
      .sort((a, b) => time(b.finishedAt) - time(a.finishedAt) || (a.id < b.id ? 1 : -1));
  return [
    [sql.ANY_DUE, (now: Date) => dueHosts(rows, now).slice(0, 1)],
    [sql.CLAIM_DUE, (now: Date, most: number) => dueHosts(rows, now).slice(0, most)],
    [sql.CLAIM_AGAIN, (now: Date, ids: string[]) => dueHosts(rows, now).filter(({ hostId }) => ids.includes(hostId))],
    [sql.HOSTS, (ids: string[]) => ids.map((id) => hostAnswer(rows, id))],
    [sql.NEWEST_PLANS, (ids: string[]) => ids.flatMap((id) => newestPlan(rows, id) ?? [])],
    [sql.JOBS_OF_PLANS, (ids: string[]) => rows.jobs.filter(({ planId }) => planId !== null && ids.includes(planId))],
    [sql.FAILURES_IN_ROW, (ids: string[]) => ids.map((hostId) => ({ hostId, failures: failuresInRow(rows, hostId) }))],
    [sql.BUILT_COLLECTIONS, (ids: string[]) => ids.flatMap((id) => jobsOf([id], 'build_kc').slice(0, 4))],
    [
      sql.PLACED_KITS,
      (ids: string[]) =>
        ids.flatMap((id) =>
          jobsOf([id], 'place_kit')
            .slice(0, 1)
            .map((job) => withPlan(rows, job)),
        ),
    ],
    [sql.UPDATE_ACCEPTANCES, () => []],
    // Nobody counts guests there.
    [sql.NEWEST_WITNESSES, () => []],
    [CONSENT, (hostId: string) => [hostOf(rows, hostId).intent.grant]],
    [sql.OPENED_VISITS, (ids: string[]) => ids.flatMap((id) => openedVisit(rows, id) ?? [])],
    [
      sql.OPEN_VISITS,
      (ids: string[]) => rows.visits.filter(({ hostId, state }) => ids.includes(hostId) && isOpen(state)),
    ],
  ];
}

function writes(rows: Rows, { onState }: MemoryOptions): [string, Query][] {
  return [
    // Nobody is told anything in the simulation.
    [WRITE_DELIVERIES, () => 0],
    [
      sql.STORE_STATES,
      (json: string, _version: number, now: Date) => {
        for (const { host_id, state, presence, findings, record, review_at } of JSON.parse(json)) {
          const row = hostOf(rows, host_id).state;
          const reviewAt = review_at === null ? null : new Date(review_at);
          Object.assign(row, { state, presence, findings, record, dueAt: null, reviewAt, evaluatedAt: now });
          onState(host_id, row);
        }
      },
    ],
    [
      sql.LET_REST,
      (ids: string[]) => {
        throw new Error(`${ids.join(', ')} are gone`);
      },
    ],
    [
      sql.POSTPONE_FAILED,
      (failed: string) => {
        // In the simulation it is a fault of ours that a Mac cannot be evaluated.
        throw new Error(`evaluation failed: ${failed}`);
      },
    ],
    [
      sql.MARK_RETURNED,
      (now: Date) => {
        for (const { state, report } of rows.hosts)
          if (state.presence !== 'online' && state.dueAt === null && time(report.lastSeenAt) > time(state.evaluatedAt))
            state.dueAt = now;
      },
    ],
  ];
}

function tagged(rows: Rows) {
  const markDue = (now: Date, ids: readonly string[]) => {
    for (const id of ids) hostOf(rows, id).state.dueAt = now;
  };
  return {
    // Locks only: transactions come one after the other here.
    $queryRaw: async () => [],
    $executeRaw: async (text: readonly string[], ...values: unknown[]) => {
      if (!text.join('?').includes('SET due_at')) throw new Error(`no model of ${text.join('?')}`);
      markDue(values[0] as Date, values[1] as string[]);
    },
  };
}

function tables(rows: Rows) {
  const visit = (id: string) => rows.visits.find((one) => one.id === id) ?? null;
  return {
    kdk: { findMany: async () => BUILDS.map((build) => ({ ...KDK, build })) },
    host: { findUniqueOrThrow: async ({ where }: ById) => hostOf(rows, where.id) },
    plan: {
      createMany: async ({ data }: { data: PlanRow[] }) => void rows.plans.push(...data.map((plan) => ({ ...plan }))),
      updateMany: async ({ where, data }: { where: { id: { in: string[] }; state: string }; data: object }) => {
        for (const plan of rows.plans)
          if (where.id.in.includes(plan.id) && plan.state === where.state) Object.assign(plan, data);
      },
    },
    visit: {
      findUnique: async ({ where }: ById) => visit(where.id),
      count: async ({ where }: ById) => (visit(where.id) === null ? 0 : 1),
      create: async ({ data }: { data: VisitRow }) => void rows.visits.push({ ...NEW_VISIT, ...data }),
      update: async ({ where, data }: ById & { data: object }) => void Object.assign(visit(where.id) ?? {}, data),
    },
    hostEvent: NOT_KEPT,
    audit: NOT_KEPT,
  };
}

interface ById {
  readonly where: { readonly id: string };
}

const NOT_KEPT = { create: async () => {}, createMany: async () => {} };
const NEW_VISIT = { code: null, quota: null, bootArgs: null, kcMd5: null, expiresAt: null, openedAt: null };
const KDK = {
  ...{ version: '14.5', sha256: KDK_SHA256, sizeBytes: 800_000_000n, fileName: 'Kernel_Debug_Kit.dmg' },
  ...{ variants: [], variantsMissing: [], addedAt: new Date(0) },
};

function dueHosts({ hosts }: Rows, now: Date) {
  const isDue = (at: Date | null) => at !== null && at <= now;
  return hosts.filter(({ state }) => isDue(state.dueAt) || isDue(state.reviewAt)).map(({ id }) => ({ hostId: id }));
}

function hostAnswer(rows: Rows, id: string) {
  const { hardwareUuid, report, state, intent } = hostOf(rows, id);
  const { payload, signature, keyId, expiresAt, revokedAt, id: grantId } = intent.grant;
  const { number, quota } = intent;
  return {
    ...{ hostId: id, hardwareUuid, simulated: true, agentVersion: '0.1.0', cloneHint: null },
    ...report,
    ...{ state: state.state, findings: state.findings, record: state.record },
    ...{ number, quota, extraArgs: [], rolloutId: null, grantId, payload, signature, keyId, expiresAt, revokedAt },
  };
}

function newestPlan({ plans }: Rows, hostId: string): PlanRow | undefined {
  return plans.filter((plan) => plan.hostId === hostId).sort((a, b) => Number(b.generation - a.generation))[0];
}

function failuresInRow(rows: Rows, hostId: string): number {
  const plans = rows.plans.filter((plan) => plan.hostId === hostId);
  const done = plans.reduce(
    (top, { state, generation }) => (state === 'done' && generation > top ? generation : top),
    0n,
  );
  const intent = newestPlan(rows, hostId)?.intentNumber;
  return plans.filter((plan) => plan.state === 'failed' && plan.generation > done && plan.intentNumber === intent)
    .length;
}

function withPlan(rows: Rows, { hostId, result, stepIndex, planId }: JobRow) {
  return { hostId, result, stepIndex, bytes: rows.plans.find(({ id }) => id === planId)?.bytes };
}

function openedVisit(rows: Rows, hostId: string) {
  const { facts } = hostOf(rows, hostId).report;
  return rows.visits
    .filter(({ kind }) => kind === 'raise' || kind === 'restart')
    .filter((visit) => visit.hostId === hostId && visit.openedAt !== null)
    .filter(({ state, id }) => state !== 'withdrawn' || facts?.receipt?.visitId === id)
    .sort((a, b) => time(b.openedAt) - time(a.openedAt))[0];
}

function raiseGenerations(rows: Rows): Query {
  return (json: string) => {
    for (const { host_id, generation } of JSON.parse(json)) {
      const { report } = hostOf(rows, host_id);
      if (BigInt(generation) > report.generation) report.generation = BigInt(generation);
    }
  };
}

function isOpen(state: string): boolean {
  return state === 'due' || state === 'open';
}

function time(at: Date | null): number {
  return at?.getTime() ?? 0;
}
