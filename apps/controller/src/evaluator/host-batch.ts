/** Everything that evaluation needs to know of a batch of hosts, loaded with a fixed number of queries. */
import {
  type EvaluateIntent,
  type HostState,
  QUOTA_STOCK,
  type UpdateAcceptance,
  type WitnessReport,
} from '@headroom/core';
import type { Tx } from '../db/database.ts';
import type { GrantRow } from '../exceptions/grant-check.ts';
import { JOBS_ACTOR } from '../jobs/job-life.ts';
import { sightsOf } from '../kdks/change-kdk.ts';
import {
  BUILT_COLLECTIONS,
  FAILURES_IN_ROW,
  HOSTS,
  JOBS_OF_PLANS,
  NEWEST_PLANS,
  NEWEST_WITNESSES,
  OPEN_VISITS,
  OPENED_VISITS,
  PLACED_KITS,
  REPEATED_PLANS,
  UPDATE_ACCEPTANCES,
} from './evaluator-sql.ts';
import {
  type FailedStep,
  type HostInput,
  type PlanRow,
  type Remembered,
  readPlan,
  type StoredFinding,
  type VisitRow,
} from './host-input.ts';
import { type BuiltJob, type KitJob, kcOfJob, kitOfJob } from './job-results.ts';
import type { KnownKdk } from './kernel-news.ts';

interface OfHost {
  readonly hostId: string;
}

interface JobRow {
  readonly stepIndex: number;
  readonly kind: string;
  readonly state: string;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly finishedAt: Date | null;
  readonly cancelAskedBy: string | null;
  readonly cancelReason: string | null;
}

type NewestPlan = Omit<PlanRow, 'steps' | 'nextStep'> & OfHost & { readonly bytes: Uint8Array };

/** KDK images by exact build, newest first. */
export async function loadKdks(tx: Tx): Promise<readonly KnownKdk[]> {
  const kdks = await tx.kdk.findMany({ orderBy: { addedAt: 'desc' } });
  return kdks.map(({ sizeBytes, ...kdk }) => {
    const { build, version, sha256, fileName, addedAt } = kdk;
    return { build, version, sha256, sizeBytes: Number(sizeBytes), fileName, sights: sightsOf(kdk), addedAt };
  });
}

/** So often within so long a plan may be done and made anew at once: somebody may undo on a Mac what was done. */
const REPEATS_FREE = 4;
const REPEATED_MS = 2 * 3_600_000;

type SameInBoth =
  | 'hostId'
  | 'hostName'
  | 'hardwareUuid'
  | 'simulated'
  | 'facts'
  | 'lastSeenAt'
  | 'bootFirstSeenAt'
  | 'generation'
  | 'agentVersion'
  | 'capabilities'
  | 'cloneHint'
  | 'placeType';

interface HostRow extends Pick<HostInput, SameInBoth> {
  readonly state: HostState;
  readonly findings: readonly StoredFinding[];
  readonly record: Partial<Remembered>;
  readonly number: number;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly rolloutId: string | null;
  readonly grantId: string | null;
  readonly payload: string;
  readonly signature: string;
  readonly keyId: string;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  /** Of the exception whose end set this intent of stock. */
  readonly consentExpiresAt?: Date | null;
  readonly consentRevokedAt?: Date | null;
}

type WitnessRow = Omit<WitnessReport, 'at'> & { readonly at: Date };

/** What other tables say about the hosts of a batch, by host. */
interface Beside {
  readonly plans: ReadonlyMap<string, NewestPlan>;
  readonly jobs: ReadonlyMap<string, readonly JobRow[]>;
  readonly failures: ReadonlyMap<string, { readonly failures: number }>;
  readonly repeats: ReadonlyMap<string, { readonly repeats: number }>;
  readonly built: ReadonlyMap<string, readonly BuiltJob[]>;
  readonly kits: ReadonlyMap<string, KitJob>;
  readonly opened: ReadonlyMap<string, { readonly openedAt: Date }>;
  readonly visits: ReadonlyMap<string, VisitRow>;
  readonly acceptances: ReadonlyMap<string, readonly AcceptanceRow[]>;
  readonly witnesses: ReadonlyMap<string, WitnessRow>;
}

interface AcceptanceRow extends Omit<UpdateAcceptance, 'expiresAt'> {
  readonly expiresAt: Date;
}

/** Hosts that are not retired, in host order. One query after the other: a transaction has one connection. */
export async function loadBatch(tx: Tx, hostIds: readonly string[], now: Date): Promise<readonly HostInput[]> {
  const ids = [...hostIds];
  const query = <T>(sql: string, ...values: unknown[]) => tx.$queryRawUnsafe<(T & OfHost)[]>(sql, ...values);
  const hosts = await query<HostRow>(HOSTS, ids, QUOTA_STOCK);
  const plans = await query<NewestPlan>(NEWEST_PLANS, ids);
  const planIds = plans.map(({ id }) => id);
  const beside: Beside = {
    plans: byHost(plans),
    jobs: groupByHost(await query<JobRow>(JOBS_OF_PLANS, planIds)),
    failures: byHost(await query<{ failures: number }>(FAILURES_IN_ROW, ids)),
    repeats: byHost(await query<{ repeats: number }>(REPEATED_PLANS, ids, new Date(now.getTime() - REPEATED_MS))),
    built: groupByHost(await query<BuiltJob>(BUILT_COLLECTIONS, ids)),
    kits: byHost(await query<KitJob>(PLACED_KITS, ids)),
    opened: byHost(await query<{ openedAt: Date }>(OPENED_VISITS, ids)),
    visits: byHost(await query<VisitRow>(OPEN_VISITS, ids)),
    acceptances: groupByHost(await query<AcceptanceRow>(UPDATE_ACCEPTANCES, ids, now)),
    witnesses: byHost(await query<WitnessRow>(NEWEST_WITNESSES, ids)),
  };
  return hosts.map((host) => inputOf(host, beside));
}

function inputOf(host: HostRow, beside: Beside): HostInput {
  const { hostId, number, quota, extraArgs, rolloutId, state, findings, record: remembered } = host;
  const { hostName, hardwareUuid, simulated, facts, lastSeenAt, bootFirstSeenAt, generation } = host;
  const { agentVersion, capabilities, cloneHint, placeType } = host;
  const plan = beside.plans.get(hostId);
  const jobs = beside.jobs.get(hostId) ?? [];
  const kit = beside.kits.get(hostId);
  const failuresInRow = beside.failures.get(hostId)?.failures ?? 1;
  const repeats = beside.repeats.get(hostId)?.repeats ?? 0;
  return {
    hostId,
    hostName,
    hardwareUuid,
    simulated,
    facts,
    lastSeenAt,
    bootFirstSeenAt,
    generation,
    agentVersion,
    capabilities,
    cloneHint,
    placeType,
    before: { state, findings, remembered },
    intent: { number, quota, extraArgs, rolloutId, grant: grantOf(host), ended: endedOf(host) },
    kcs: (beside.built.get(hostId) ?? []).flatMap(kcOfJob),
    kit: kit === undefined ? null : kitOfJob(kit),
    plan: plan?.state === 'open' ? openPlan(plan, jobs) : null,
    // A failure of an earlier intent does not hold a new one back: somebody changed something since.
    failure:
      plan !== undefined && plan.intentNumber === number
        ? (failedStep(plan, jobs, failuresInRow) ?? withoutEffect(plan, jobs, repeats))
        : null,
    visit: beside.visits.get(hostId) ?? null,
    visitOpenedAt: beside.opened.get(hostId)?.openedAt ?? null,
    updateAcceptances: (beside.acceptances.get(hostId) ?? []).map(({ expiresAt, id, targets, reason, acceptedBy }) => ({
      id,
      targets,
      reason,
      acceptedBy,
      expiresAt: expiresAt.toISOString(),
    })),
    witness: witnessOf(beside.witnesses.get(hostId)),
  };
}

function witnessOf(row: WitnessRow | undefined): WitnessReport | null {
  if (row === undefined) return null;
  const { macosGuests, bootSessionId, source, by, at } = row;
  return { macosGuests, bootSessionId, source, by, at: at.toISOString() };
}

function endedOf({ consentExpiresAt = null, consentRevokedAt = null }: HostRow): EvaluateIntent['ended'] {
  const at = consentRevokedAt ?? consentExpiresAt;
  return at === null ? null : { isExpired: consentRevokedAt === null, at: at.toISOString() };
}

function grantOf({ grantId, payload, signature, keyId, expiresAt, revokedAt }: HostRow): GrantRow | null {
  return grantId === null ? null : { id: grantId, payload, signature, keyId, expiresAt, revokedAt };
}

function openPlan({ bytes, hostId: _host, ...plan }: NewestPlan, jobs: readonly JobRow[]): PlanRow {
  const { steps } = readPlan(bytes);
  const done = new Set(jobs.filter(({ state }) => state === 'succeeded').map(({ stepIndex }) => stepIndex));
  const next = steps.findIndex((_step, index) => !done.has(index));
  const nextStep = next < 0 ? steps.length : next;
  const lastError = jobs.find(({ stepIndex }) => stepIndex === nextStep)?.errorCode ?? null;
  return { ...plan, steps, nextStep, lastError };
}

function failedStep({ state, bytes }: NewestPlan, jobs: readonly JobRow[], failuresInRow: number): FailedStep | null {
  if (state === 'cancelled') return cancelledStep(jobs, failuresInRow);
  if (state !== 'failed') return null;
  const job = jobs.findLast((one) => ['failed', 'refused', 'dead'].includes(one.state));
  if (job === undefined || job.finishedAt === null) return null;
  const { kind, errorCode, errorDetail, finishedAt, stepIndex } = job;
  const step = readPlan(bytes).steps[stepIndex];
  const kdk = step?.kind === 'install_kdk' ? step.kdk : null;
  return { kind, code: errorCode ?? 'INTERNAL', detail: errorDetail ?? '', at: finishedAt, failuresInRow, kdk };
}

/** What was done so often lately and is due once more changes nothing: it waits as a failure does, or it would go on without an end. */
function withoutEffect({ state, bytes }: NewestPlan, jobs: readonly JobRow[], repeats: number): FailedStep | null {
  if (state !== 'done' || repeats < REPEATS_FREE) return null;
  const [step] = readPlan(bytes).steps;
  const at = jobs.at(-1)?.finishedAt ?? null;
  if (step === undefined || at === null) return null;
  const detail = `It was done ${repeats} times within ${REPEATED_MS / 3_600_000} hours, and is due again by what the Mac reports.`;
  return {
    kind: step.kind,
    code: 'STEP_WITHOUT_EFFECT',
    detail,
    at,
    failuresInRow: repeats - REPEATS_FREE + 1,
    kdk: null,
  };
}

/** What somebody cancelled is not planned again until somebody says so. */
function cancelledStep(jobs: readonly JobRow[], failuresInRow: number): FailedStep | null {
  const job = jobs.findLast(({ cancelAskedBy }) => cancelAskedBy !== null);
  if (job === undefined || job.finishedAt === null) return null;
  const { kind, cancelAskedBy, cancelReason, finishedAt } = job;
  const code = cancelAskedBy === JOBS_ACTOR ? 'JOB_DEADLINE' : 'JOB_CANCELLED';
  return { kind, code, detail: `${cancelAskedBy}: ${cancelReason}`, at: finishedAt, failuresInRow, kdk: null };
}

function byHost<T extends OfHost>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.hostId, row]));
}

function groupByHost<T extends OfHost>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.hostId);
    if (group === undefined) groups.set(row.hostId, [row]);
    else group.push(row);
  }
  return groups;
}
