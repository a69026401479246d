/**
 * The database as the controller's services use it, over rows in memory: the product's own code runs in the simulation, and only what
 * its SQL says is modelled. A statement that is not modelled ends the run by name. A store port that both sides implement would be a
 * second language for what the SQL says in one statement, locks included, and the code would be written for the test.
 */
import { QUOTA_STOCK } from '@headroom/core';
import type { Database } from '../../apps/controller/src/db/database.ts';
import * as sql from '../../apps/controller/src/evaluator/evaluator-sql.ts';
import { WRITE_DELIVERIES } from '../../apps/controller/src/webhooks/outbox.ts';
import { consentQueries, grantOf, selectHosts } from './memory-consents.ts';
import { type OnFlip, type Query, rolloutQueries } from './memory-rollouts.ts';
import { memoryTable } from './memory-table.ts';
import { witnessQueries } from './memory-witnesses.ts';
import {
  hostOf,
  intentOf,
  isOpenVisit,
  type JobRow,
  type PlanRow,
  type Rows,
  replaceRows,
  type StateRow,
  timeOf,
} from './rows.ts';
import { VARIANTS } from './sim-mac.ts';

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
  readonly onFlip: OnFlip;
}

/** Transactions come one after the other: what one reads, nobody else changes. */
export function memoryDatabase(rows: Rows, options: MemoryOptions): Database {
  const queries = new Map<string, Query>([
    ...reads(rows),
    ...writes(rows, options),
    ...rolloutQueries(rows, options.onFlip),
    ...consentQueries(rows),
    ...witnessQueries(rows),
  ]);
  const run = async (text: string, ...values: unknown[]) => {
    const query = queries.get(text) ?? unnamed(rows, text);
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

/** Statements that no constant holds. */
function unnamed(rows: Rows, text: string): Query | null {
  if (text.includes('SET generation = GREATEST')) return raiseGenerations(rows);
  if (!text.includes('OR false) AS selected')) return null;
  const hasOnly = text.includes('AND h.id = ANY(');
  const hasWithout = text.includes('rollout_target st');
  return (named: string[], labels: string[], ...narrowing: unknown[]) => {
    const only = hasOnly ? (narrowing[0] as string[]) : null;
    const withoutTargetsOf = hasWithout ? (narrowing.at(-1) as string) : null;
    return selectHosts(rows, named, labels, { only, withoutTargetsOf });
  };
}

function reads(rows: Rows): [string, Query][] {
  const jobsOf = (ids: readonly string[], kind: string) =>
    rows.jobs
      .filter((job) => ids.includes(job.hostId) && job.kind === kind && job.state === 'succeeded')
      .sort((a, b) => timeOf(b.finishedAt) - timeOf(a.finishedAt) || (a.id < b.id ? 1 : -1));
  return [
    [sql.ANY_DUE, (now: Date) => dueHosts(rows, now).slice(0, 1)],
    [sql.CLAIM_DUE, (now: Date, most: number) => dueHosts(rows, now).slice(0, most)],
    [sql.CLAIM_AGAIN, (now: Date, ids: string[]) => dueHosts(rows, now).filter(({ hostId }) => ids.includes(hostId))],
    [sql.HOSTS, (ids: string[]) => ids.map((id) => hostAnswer(rows, id))],
    [sql.NEWEST_PLANS, (ids: string[]) => ids.flatMap((id) => newestPlan(rows, id) ?? [])],
    [sql.JOBS_OF_PLANS, (ids: string[]) => rows.jobs.filter(({ planId }) => planId !== null && ids.includes(planId))],
    [sql.FAILURES_IN_ROW, (ids: string[]) => ids.map((hostId) => ({ hostId, failures: failuresInRow(rows, hostId) }))],
    [sql.REPEATED_PLANS, (ids: string[], since: Date) => ids.flatMap((id) => repeatedPlans(rows, id, since))],
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
    [sql.OPENED_VISITS, (ids: string[]) => ids.flatMap((id) => openedVisit(rows, id) ?? [])],
    [sql.OPEN_VISITS, (ids: string[]) => rows.visits.filter((one) => ids.includes(one.hostId) && isOpenVisit(one))],
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
          const stateSince = row.state === state ? row.stateSince : now;
          Object.assign(row, {
            state,
            stateSince,
            presence,
            findings,
            record,
            dueAt: null,
            reviewAt,
            evaluatedAt: now,
          });
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
          if (
            state.presence !== 'online' &&
            state.dueAt === null &&
            timeOf(report.lastSeenAt) > timeOf(state.evaluatedAt)
          )
            state.dueAt = now;
      },
    ],
  ];
}

function tagged(rows: Rows) {
  const read = (text: string, values: readonly unknown[]): unknown => {
    if (text.includes('SELECT host_id::text AS "hostId", label FROM host_label'))
      return labelsOf(rows, values[0] as string[], values[1] as string[]);
    if (text.includes('count(DISTINCT t.host_id)'))
      return [{ hosts: takenBefore(rows, values[0] as string, values[1] as Date, values[4] as string[]) }];
    if (text.includes('FROM intent i JOIN policy_revision p')) return intentsOf(rows, values[0] as string);
    // Whoever locks a host is told of it what lies in the locked rows.
    if (text.includes('SELECT presence FROM host_state')) return [hostOf(rows, values[0] as string).state];
    if (text.includes('FROM host_report WHERE host_id')) return [hostOf(rows, values[0] as string).report];
    // Locks only: transactions come one after the other here.
    if (text.trim().startsWith('SELECT 1 FROM')) return [];
    throw new Error(`the simulation has no model of this statement:${text}`);
  };
  return {
    $queryRaw: async (text: readonly string[], ...values: unknown[]) => read(text.join('?'), values),
    $executeRaw: async (text: readonly string[], ...values: unknown[]) => {
      if (text.join('?').includes('pg_advisory_xact_lock')) return;
      if (!text.join('?').includes('SET due_at')) throw new Error(`no model of ${text.join('?')}`);
      for (const id of values[1] as string[]) hostOf(rows, id).state.dueAt = values[0] as Date;
    },
  };
}

function tables(rows: Rows) {
  const policy = ({ policyId }: Record<string, unknown>) => rows.policies.find(({ id }) => id === policyId);
  return {
    kdk: { findMany: async () => BUILDS.map((build) => ({ ...KDK, build })) },
    host: memoryTable(rows.hosts),
    intent: memoryTable(rows.intents),
    policy: memoryTable(rows.policies, { defaults: { appliedRevisionId: null, archivedAt: null } }),
    policyRevision: memoryTable(rows.revisions, { joins: { policy } }),
    riskException: memoryTable(rows.exceptions),
    grant: memoryTable(rows.grants),
    rollout: memoryTable(rows.rollouts, { defaults: NEW_ROLLOUT }),
    rolloutTarget: memoryTable(rows.targets),
    plan: memoryTable(rows.plans),
    visit: memoryTable(rows.visits, { defaults: NEW_VISIT }),
    witness: memoryTable(rows.witnesses, { defaults: { build: null, variant: null, countedAt: null } }),
    hostEvent: NOT_KEPT,
    audit: NOT_KEPT,
  };
}

const NOT_KEPT = { create: async () => {}, createMany: async () => {} };
const NEW_VISIT = {
  ...{ code: null, quota: null, bootArgs: null, kcMd5: null, expiresAt: null, openedAt: null },
  ...{ doneAt: null, drainAt: null, overdueAt: null },
};
const NEW_ROLLOUT = {
  ...{ strategy: null, confirmedAt: null, stateReason: null, gatesOpened: [] },
  ...{ decidedAt: null, reviewAt: null, finishedAt: null },
};
const SIGHTS = ['a', 'b'].map((hostId) => ({
  ...{ hostId, host: hostId, variants: [...VARIANTS], variantsMissing: [], at: new Date(0).toISOString() },
}));
const KDK = {
  ...{ version: '14.5', sha256: KDK_SHA256, sizeBytes: 800_000_000n, fileName: 'Kernel_Debug_Kit.dmg' },
  // What Macs would show of it is known.
  ...{ variants: [...VARIANTS], variantsMissing: [], sights: SIGHTS, addedAt: new Date(0) },
};

function labelsOf({ hosts }: Rows, asked: readonly string[], ids: readonly string[]) {
  return hosts
    .filter(({ id }) => ids.includes(id))
    .flatMap(({ id: hostId, labels }) =>
      labels.filter((label) => asked.includes(label)).map((label) => ({ hostId, label })),
    );
}

function takenBefore(rows: Rows, madeBy: string, since: Date, except: readonly string[]): number {
  const isBack = (revisionId: string | null) =>
    (rows.revisions.find(({ id }) => id === revisionId)?.quota ?? QUOTA_STOCK) === QUOTA_STOCK;
  const rollouts = rows.rollouts.filter(
    ({ createdBy, createdAt, asksConfirmation, revisionId }) =>
      createdBy === madeBy && createdAt > since && !asksConfirmation && isBack(revisionId),
  );
  const taken = rows.targets.filter(
    ({ rolloutId, hostId, state }) =>
      rollouts.some(({ id }) => id === rolloutId) &&
      state !== 'skipped' &&
      state !== 'superseded' &&
      !except.includes(hostId),
  );
  return new Set(taken.map(({ hostId }) => hostId)).size;
}

function intentsOf(rows: Rows, policyId: string) {
  const revisions = rows.revisions.filter((one) => one.policyId === policyId).map(({ id }) => id);
  return rows.intents.filter(({ revisionId }) => revisionId !== null && revisions.includes(revisionId));
}

function dueHosts({ hosts }: Rows, now: Date) {
  const isDue = (at: Date | null) => at !== null && at <= now;
  return hosts.filter(({ state }) => isDue(state.dueAt) || isDue(state.reviewAt)).map(({ id }) => ({ hostId: id }));
}

function hostAnswer(rows: Rows, id: string) {
  const { hardwareUuid, report, state } = hostOf(rows, id);
  const intent = intentOf(rows, id);
  const { number = 0, quota = QUOTA_STOCK, extraArgs = [], rolloutId = null, grantId = null } = intent ?? {};
  const [grant] = grantOf(rows, grantId);
  const { payload = null, signature = null, keyId = null, expiresAt = null, revokedAt = null } = grant ?? {};
  const exceptionId =
    intent?.revisionId === null ? rows.rollouts.find((one) => one.id === rolloutId)?.exceptionId : null;
  const ended = rows.exceptions.find((one) => one.id === exceptionId);
  return {
    ...{
      hostId: id,
      hostName: id,
      hardwareUuid,
      simulated: true,
      agentVersion: '0.1.0',
      cloneHint: null,
      placeType: null,
    },
    ...report,
    ...{ state: state.state, findings: state.findings, record: state.record },
    ...{ number, quota, extraArgs, rolloutId, grantId, payload, signature, keyId, expiresAt, revokedAt },
    ...{ consentExpiresAt: ended?.expiresAt ?? null, consentRevokedAt: ended?.revokedAt ?? null },
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

function repeatedPlans(rows: Rows, hostId: string, since: Date): { hostId: string; repeats: number }[] {
  const endOf = ({ id }: PlanRow) =>
    Math.max(...rows.jobs.filter(({ planId }) => planId === id).map(({ finishedAt }) => timeOf(finishedAt)));
  const kindsOf = ({ bytes }: PlanRow) => {
    const { steps } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { steps: { kind: string }[] };
    return steps.map(({ kind }) => kind).join(' ');
  };
  const newest = newestPlan(rows, hostId);
  const isLike = (plan: PlanRow) =>
    plan.hostId === hostId && plan.state === 'done' && plan.intentNumber === newest?.intentNumber;
  if (newest === undefined || newest.state !== 'done' || endOf(newest) <= since.getTime()) return [];
  const alike = rows.plans.filter(
    (plan) =>
      isLike(plan) &&
      plan.generation > newest.generation - 20n &&
      endOf(plan) > since.getTime() &&
      kindsOf(plan) === kindsOf(newest),
  );
  return [{ hostId, repeats: alike.length }];
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
    .sort((a, b) => timeOf(b.openedAt) - timeOf(a.openedAt))[0];
}

function raiseGenerations(rows: Rows): Query {
  return (json: string) => {
    for (const { host_id, generation } of JSON.parse(json)) {
      const { report } = hostOf(rows, host_id);
      if (BigInt(generation) > report.generation) report.generation = BigInt(generation);
    }
  };
}
