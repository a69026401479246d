/**
 * What must never happen, checked after every event by somebody who keeps books of its own: it believes neither the store's
 * columns nor the evaluator's answers, but what was handed out, what was done on the Macs, and what is true there.
 */
import { LOWERING_KINDS, type Plan, type PlanStep, QUOTA_STOCK } from '@headroom/core';
import { type JobState, OPEN_STATES } from '../../apps/controller/src/jobs/job-life.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import { type RolloutBooks, RolloutWatch } from './rollout-watch.ts';
import { hostOf, intentOf, isOpenVisit, type PlanRow, type Rows, type StateRow } from './rows.ts';
import type { PlacedKit, SimMac } from './sim-mac.ts';
import { fail } from './violation.ts';

interface Lease {
  readonly number: number;
  readonly session: bigint;
  until: number;
}

/** One history of the database. A restore goes back to the books of its snapshot. */
export interface Books {
  /** The last hand-out of each job. */
  readonly leases: Map<string, Lease>;
  /** `job:lease` of each finish that was taken. */
  readonly finishes: Set<string>;
  readonly ended: Map<string, string>;
  readonly jobs: Set<string>;
  /** Of each host: which reading of which Mac is stored. */
  readonly readings: Map<string, Reading>;
  readonly rollouts: RolloutBooks;
}

interface Reading {
  readonly mac: number;
  readonly nth: number;
  /** The quota that was really in force when it was taken. */
  readonly quota: number | null;
}

export class Watch {
  private ownBooks: Omit<Books, 'rollouts'> = {
    ...{ leases: new Map(), finishes: new Set(), ended: new Map(), jobs: new Set(), readings: new Map() },
  };
  readonly rollouts: RolloutWatch;
  /** Consents that an approver gave, by their bytes. */
  readonly consents = new Set<string>();
  private readonly macs = new Map<SimMac, number>();
  /** Readings by the hash of their facts; a boot session is never met twice, so neither are facts. */
  private readonly taken = new Map<string, Reading>();
  private readonly steps = new Map<string, number>();
  /** Sessions that agents were told they have. A restore takes none of them back. */
  private readonly sessions = new Set<string>();
  private nth = 0;

  constructor(
    private readonly rows: Rows,
    readonly now: () => number,
  ) {
    this.rollouts = new RolloutWatch(rows, now);
  }

  get books(): Books {
    return { ...this.ownBooks, rollouts: this.rollouts.books };
  }

  set books({ rollouts, ...own }: Books) {
    this.ownBooks = own;
    this.rollouts.books = rollouts;
  }

  onReading(mac: SimMac, sha256: string): void {
    if (!this.macs.has(mac)) this.macs.set(mac, this.macs.size);
    this.nth += 1;
    this.taken.set(sha256, { mac: this.macs.get(mac) ?? 0, nth: this.nth, quota: mac.quotaInForce() });
  }

  onSession(hostId: string, session: bigint): void {
    const key = `${hostId}:${session}`;
    if (this.sessions.has(key)) fail(`${hostId}: session ${session} was given twice`);
    this.sessions.add(key);
  }

  onLease(session: bigint, { jobId, leaseNumber, kind, bytes }: LeasedJob, now: number, ttlMs: number): void {
    const before = this.ownBooks.leases.get(jobId);
    if (before !== undefined) {
      if (before.until > now && before.session >= session)
        fail(`job ${jobId} is under two live leases: ${before.number} of session ${before.session} runs on`);
      if (leaseNumber <= before.number)
        fail(`job ${jobId}: lease ${leaseNumber} was handed out after ${before.number}`);
    }
    this.ownBooks.leases.set(jobId, { number: leaseNumber, session, until: now + ttlMs });
    if (LOWERING_KINDS.some((one) => one === kind)) this.onLoweringHandedOut(kind, bytes);
  }

  /** An end by time is for the agent's gate; what was taken back is not handed out at all. */
  private onLoweringHandedOut(kind: string, bytes: Buffer | null): void {
    const { grant } = JSON.parse(bytes?.toString('utf8') ?? '{}') as Pick<Plan, 'grant'>;
    const row = this.rows.grants.find(({ payload }) => payload === grant?.payload);
    if (row === undefined) fail(`${kind} is handed out without a consent that was given`);
    else if (row.revokedAt !== null) fail(`${kind} is handed out under a consent that was taken back`);
  }

  onRenew(jobId: string, leaseNumber: number, now: number, ttlMs: number): void {
    const lease = this.ownBooks.leases.get(jobId);
    if (lease?.number !== leaseNumber)
      fail(`job ${jobId}: lease ${leaseNumber} was renewed, ${lease?.number} is the last`);
    if (lease !== undefined) lease.until = now + ttlMs;
  }

  onFinish(jobId: string, leaseNumber: number): void {
    const key = `${jobId}:${leaseNumber}`;
    if (this.ownBooks.finishes.has(key)) fail(`job ${jobId}: a second finish under lease ${leaseNumber} was taken`);
    const lease = this.ownBooks.leases.get(jobId);
    if (lease?.number !== leaseNumber)
      fail(`job ${jobId}: a finish under lease ${leaseNumber} was taken, which is not the last`);
    if (lease !== undefined) lease.until = 0;
    this.ownBooks.finishes.add(key);
  }

  /** Something is about to be lowered on a Mac: by a step, or by a person with the kit. */
  onLower(mac: SimMac, what: string, quota: number, payload: string | null, at: Date): void {
    if (payload === null || !this.consents.has(payload)) fail(`${what} without a consent that was given`);
    const grant = JSON.parse(payload ?? '{}') as { hostUuids: string[]; quotaMax: number; expiresAt: string };
    if (!grant.hostUuids.includes(mac.hardwareUuid)) fail(`${what} under the consent for another Mac`);
    if (quota > grant.quotaMax) fail(`${what} for quota ${quota}, allowed are ${grant.quotaMax}`);
    if (at.getTime() >= Date.parse(grant.expiresAt))
      fail(`${what} at ${at.toISOString()}, after the end of its consent`);
  }

  /** A kit says what its consent allowed and until when; the books say whether anybody gave such a consent. */
  onLowerByKit(mac: SimMac, what: string, { quota, expiresAt }: PlacedKit, at: Date): void {
    const payload = [...this.consents].find((one) => {
      const grant = JSON.parse(one) as { hostUuids: string[]; expiresAt: string; quotaMax: number };
      return grant.expiresAt === expiresAt && grant.hostUuids.includes(mac.hardwareUuid) && grant.quotaMax >= quota;
    });
    this.onLower(mac, what, quota, payload ?? null, at);
  }

  onState(hostId: string, { state }: StateRow): void {
    if (state !== 'raised') return;
    const reading = this.taken.get(hostOf(this.rows, hostId).report.factsSha256 ?? '');
    const wanted = intentOf(this.rows, hostId)?.quota;
    // A Mac that is to be stock is raised as long as any quota is in force.
    if (reading?.quota == null || (wanted !== QUOTA_STOCK && reading.quota !== wanted))
      fail(`${hostId} is called raised to ${wanted}; when its facts were read, ${reading?.quota} was in force`);
  }

  /** The whole of what is stored, after an event. */
  check(): void {
    this.checkJobs();
    this.checkPlans();
    this.checkReadings();
    this.rollouts.check();
    for (const { id } of this.rows.hosts) {
      const visits = this.rows.visits.filter((one) => one.hostId === id && isOpenVisit(one));
      if (visits.length > 1) fail(`${id} has ${visits.length} open visits`);
    }
  }

  private checkJobs(): void {
    const { jobs, ended } = this.ownBooks;
    const lanes = new Set<string>();
    for (const { id, hostId, lane, state } of this.rows.jobs) {
      jobs.add(id);
      const end = ended.get(id);
      if (end !== undefined && end !== state) fail(`job ${id} had ended as ${end} and is ${state} now`);
      if (!OPEN_STATES.includes(state)) ended.set(id, state);
      else if (lanes.has(`${hostId} ${lane}`)) fail(`${hostId} has two open jobs in the lane ${lane}`);
      else lanes.add(`${hostId} ${lane}`);
    }
    if (jobs.size !== this.rows.jobs.length) fail(`of ${jobs.size} jobs, ${this.rows.jobs.length} are left`);
  }

  /** A plan goes on as long as it is open, with one job at a time, and is done only when each step is. */
  private checkPlans(): void {
    const hosts = new Set<string>();
    const open = countByPlan(this.rows, (state) => OPEN_STATES.includes(state));
    const done = countByPlan(this.rows, (state) => state === 'succeeded');
    for (const plan of this.rows.plans) {
      const { id, hostId, state } = plan;
      const jobs = open.get(id) ?? 0;
      if (jobs !== (state === 'open' ? 1 : 0)) fail(`plan ${nameOf(plan)} is ${state} with ${jobs} open jobs`);
      if (state === 'done' && done.get(id) !== this.stepsOf(plan))
        fail(`plan ${nameOf(plan)} is done with ${done.get(id) ?? 0} of ${this.stepsOf(plan)} steps`);
      if (state === 'open' && hosts.has(hostId)) fail(`${hostId} has two open plans`);
      if (state === 'open') hosts.add(hostId);
    }
  }

  private stepsOf({ id, bytes }: PlanRow): number {
    const known = this.steps.get(id);
    if (known !== undefined) return known;
    const { steps } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { steps: readonly PlanStep[] };
    this.steps.set(id, steps.length);
    return steps.length;
  }

  private checkReadings(): void {
    const { readings } = this.ownBooks;
    for (const { id, report } of this.rows.hosts) {
      const now = this.taken.get(report.factsSha256 ?? '');
      if (now === undefined) continue;
      const before = readings.get(id);
      if (before !== undefined && before.mac === now.mac && now.nth < before.nth)
        fail(`${id}: facts went back from reading ${before.nth} to ${now.nth}`);
      readings.set(id, now);
    }
  }
}

function countByPlan({ jobs }: Rows, counts: (state: JobState) => boolean): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { planId, state } of jobs)
    if (planId !== null && counts(state)) found.set(planId, (found.get(planId) ?? 0) + 1);
  return found;
}

function nameOf({ hostId, generation }: PlanRow): string {
  return `${generation} of ${hostId}`;
}
