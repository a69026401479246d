/** Everything that evaluation needs to know of a batch of hosts, loaded with a fixed number of queries. */
import type { Facts, Finding, HostState, KcResult, KdkSource, Plan, PlanStep, Presence } from '@headroom/core';
import type { Tx } from '../db/database.ts';
import type { GrantRow } from '../exceptions/grant-check.ts';
import {
  BUILT_COLLECTIONS,
  FAILURES_IN_ROW,
  JOBS_OF_PLANS,
  NEWEST_PLANS,
  OPENED_VISITS,
  PLACED_KITS,
} from './evaluator-sql.ts';

export type StoredFinding = Finding & { readonly since: string };

/** What a placed kit holds; its visit's code is made from exactly this. */
export interface PlacedKit {
  readonly visitId: string;
  readonly quota: number;
  readonly bootArgs: string;
  readonly kcSha256: string;
  readonly kcMd5: string;
  readonly expiresAt: string;
}

/** What is kept in `host_state.record` because no other row says it. */
export interface Remembered {
  readonly everRaised: boolean;
  readonly intentQuota: number;
}

export interface PlanRow {
  readonly id: string;
  readonly generation: bigint;
  readonly intentNumber: number;
  readonly state: string;
  readonly steps: readonly PlanStep[];
  /** Index of the first step that has not succeeded. */
  readonly nextStep: number;
}

export interface FailedStep {
  readonly kind: string;
  readonly code: string;
  readonly detail: string;
  readonly at: Date;
  readonly failuresInRow: number;
}

export interface VisitRow {
  readonly id: string;
  readonly kind: 'raise' | 'restart';
  readonly state: string;
  readonly quota: number | null;
  readonly bootArgs: string | null;
  readonly kcMd5: string | null;
  readonly expiresAt: Date | null;
  readonly openedAt: Date | null;
}

export interface HostInput {
  readonly hostId: string;
  readonly hardwareUuid: string;
  readonly simulated: boolean;
  readonly facts: Facts | null;
  readonly lastSeenAt: Date | null;
  readonly bootFirstSeenAt: Date | null;
  readonly generation: bigint;
  readonly before: {
    readonly state: HostState;
    readonly presence: Presence;
    readonly findings: readonly StoredFinding[];
    readonly remembered: Partial<Remembered>;
  };
  readonly intent: {
    readonly number: number;
    readonly quota: number;
    readonly extraArgs: readonly string[];
    readonly rolloutId: string | null;
    readonly grant: GrantRow | null;
  };
  readonly kcs: readonly KcResult[];
  readonly kit: PlacedKit | null;
  readonly plan: PlanRow | null;
  readonly failure: FailedStep | null;
  readonly visit: VisitRow | null;
  readonly visitOpenedAt: Date | null;
}

interface JobRow {
  readonly hostId: string;
  readonly planId: string;
  readonly stepIndex: number;
  readonly kind: string;
  readonly state: string;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly finishedAt: Date | null;
}

type NewestPlan = Omit<PlanRow, 'steps' | 'nextStep'> & { readonly hostId: string; readonly bytes: Uint8Array };

/** KDK images by exact build, newest first. */
export async function loadKdks(tx: Tx): Promise<readonly KdkSource[]> {
  const kdks = await tx.kdk.findMany({ orderBy: { addedAt: 'desc' } });
  return kdks.map(({ build, version, sha256, sizeBytes, fileName }) => ({
    build,
    version,
    sha256,
    sizeBytes: Number(sizeBytes),
    fileName,
  }));
}

export async function loadBatch(tx: Tx, hostIds: readonly string[]): Promise<readonly HostInput[]> {
  const ids = [...hostIds];
  const hosts = await tx.host.findMany({
    where: { id: { in: ids }, retiredAt: null },
    include: { report: true, state: true, intent: true },
    orderBy: { id: 'asc' },
  });
  const grantIds = hosts.flatMap(({ intent }) => (intent?.grantId == null ? [] : [intent.grantId]));
  const grants = byId(await tx.grant.findMany({ where: { id: { in: grantIds } } }));
  const plans = await tx.$queryRawUnsafe<NewestPlan[]>(NEWEST_PLANS, ids);
  const jobs = await tx.$queryRawUnsafe<JobRow[]>(
    JOBS_OF_PLANS,
    plans.map(({ id }) => id),
  );
  const failures = await tx.$queryRawUnsafe<{ hostId: string; failures: number }[]>(FAILURES_IN_ROW, ids);
  const built = await tx.$queryRawUnsafe<{ hostId: string; result: KcResult }[]>(BUILT_COLLECTIONS, ids);
  const kits = await tx.$queryRawUnsafe<KitJob[]>(PLACED_KITS, ids);
  const opened = await tx.$queryRawUnsafe<{ hostId: string; openedAt: Date }[]>(OPENED_VISITS, ids);
  const visits = await tx.visit.findMany({ where: { hostId: { in: ids }, state: { in: ['due', 'open'] } } });
  const planOf = byHost(plans);
  const failuresOf = byHost(failures);
  const kitOf = byHost(kits);
  const openedOf = byHost(opened);
  const visitOf = byHost(visits);
  const jobsOf = groupBy(jobs);
  const builtOf = groupBy(built);
  return hosts.flatMap((host) => {
    const { report, state, intent } = host;
    if (report === null || state === null) return [];
    const newest = planOf.get(host.id);
    const planJobs = (jobsOf.get(host.id) ?? []).filter(({ planId }) => planId === newest?.id);
    const visit = visitOf.get(host.id);
    const kit = kitOf.get(host.id);
    return [
      {
        hostId: host.id,
        hardwareUuid: host.hardwareUuid,
        simulated: host.simulated,
        facts: report.facts as unknown as Facts | null,
        lastSeenAt: report.lastSeenAt,
        bootFirstSeenAt: report.bootFirstSeenAt,
        generation: report.generation,
        before: {
          state: state.state as HostState,
          presence: state.presence as Presence,
          findings: state.findings as unknown as readonly StoredFinding[],
          remembered: state.record as unknown as Partial<Remembered>,
        },
        intent: {
          number: intent?.number ?? 0,
          quota: intent?.quota ?? 2,
          extraArgs: intent?.extraArgs ?? [],
          rolloutId: intent?.rolloutId ?? null,
          grant: grants.get(intent?.grantId ?? '') ?? null,
        },
        kcs: (builtOf.get(host.id) ?? []).map(({ result }) => result),
        kit: kit === undefined ? null : kitOfJob(kit),
        plan: newest?.state === 'open' ? openPlan(newest, planJobs) : null,
        failure: newest?.state === 'failed' ? failedStep(planJobs, failuresOf.get(host.id)?.failures ?? 1) : null,
        visit: visit === undefined ? null : { ...visit, kind: visit.kind as VisitRow['kind'] },
        visitOpenedAt: openedOf.get(host.id)?.openedAt ?? null,
      },
    ];
  });
}

function openPlan({ bytes, ...plan }: NewestPlan, jobs: readonly JobRow[]): PlanRow {
  const { steps } = readPlan(bytes);
  const done = new Set(jobs.filter(({ state }) => state === 'succeeded').map(({ stepIndex }) => stepIndex));
  const next = steps.findIndex((_step, index) => !done.has(index));
  return { ...plan, steps, nextStep: next < 0 ? steps.length : next };
}

function failedStep(jobs: readonly JobRow[], failuresInRow: number): FailedStep | null {
  const job = jobs.findLast(({ state }) => ['failed', 'refused', 'dead'].includes(state));
  if (job === undefined || job.finishedAt === null) return null;
  const { kind, errorCode, errorDetail, finishedAt } = job;
  return { kind, code: errorCode ?? 'INTERNAL', detail: errorDetail ?? '', at: finishedAt, failuresInRow };
}

interface KitJob {
  readonly hostId: string;
  readonly stepIndex: number;
  readonly bytes: Uint8Array;
  readonly result: { readonly kcMd5: string; readonly kcSha256: string; readonly expiresAt: string } | null;
}

/** Quota and arguments come from the plan that we wrote; the sums of the files from the Mac that placed them. */
function kitOfJob({ bytes, stepIndex, result }: KitJob): PlacedKit | null {
  const step = readPlan(bytes).steps[stepIndex];
  if (step?.kind !== 'place_kit' || result === null) return null;
  const { visitId, quota, bootArgs } = step;
  const { kcMd5, kcSha256, expiresAt } = result;
  return { visitId, quota, bootArgs, kcMd5, kcSha256, expiresAt };
}

export function readPlan(bytes: Uint8Array): Plan {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan;
}

function byId<T extends { readonly id: string }>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

function byHost<T extends { readonly hostId: string }>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.hostId, row]));
}

function groupBy<T extends { readonly hostId: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.hostId);
    if (group === undefined) groups.set(row.hostId, [row]);
    else group.push(row);
  }
  return groups;
}
