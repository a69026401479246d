/**
 * A model of the agents' side of the store: sessions, reports, leases and finishes, in memory, as short as their contract can
 * be said. The table of a job's life, the back-off and the reading of a finish are the product's own; conformance.test.ts holds
 * the rest to the real stores on Postgres.
 */
import { type JobKind, transientDelayMs } from '@headroom/core';
import type { FinishRequest } from '@headroom/proto';
import { type ReceivedFacts, readFacts } from '../../apps/controller/src/agents/facts-input.ts';
import type { Position } from '../../apps/controller/src/agents/report-change.ts';
import { nextSession } from '../../apps/controller/src/agents/session-store.ts';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import type { FinishRefusal, FinishResult } from '../../apps/controller/src/jobs/finish-job.ts';
import { type JobEnd, readJobEnd } from '../../apps/controller/src/jobs/finish-report.ts';
import { nextOf, OPEN_STATES, statesTaking } from '../../apps/controller/src/jobs/job-life.ts';
import type { LeasedJob, OpenJobOrder, RenewOrder } from '../../apps/controller/src/jobs/job-store.ts';
import { type HostRow, hostOf, type JobRow, type PlanRow, type Rows } from './rows.ts';

export interface SessionOrder {
  readonly bootSessionId: string;
  readonly bootOrdinal: number;
  readonly highestGeneration: bigint;
  readonly highestSession: bigint;
  readonly capabilities: readonly string[];
}

export interface CheckInAnswer {
  readonly workAvailable: boolean;
  readonly factsWanted: boolean;
}

interface ModelWake {
  readonly kind: 'due' | 'work';
  readonly hostId: string;
}

export interface ModelOptions {
  readonly now: () => Date;
  readonly leaseTtlMs: number;
  readonly publish: (wake: ModelWake) => void;
  /** Never gives an id twice, also after a restore, and each is greater than the one before: as UUIDv7 are. */
  readonly newId: () => string;
}

export class ModelJobs {
  private sweptAt: Date;

  constructor(
    protected readonly rows: Rows,
    private readonly options: ModelOptions,
  ) {
    this.sweptAt = options.now();
  }

  openSession(hostId: string, order: SessionOrder): bigint {
    const { report, state } = hostOf(this.rows, hostId);
    const { bootOrdinal, bootSessionId, highestGeneration, highestSession, capabilities } = order;
    const retold = capabilities.join() !== report.capabilities.join();
    const rebooted = this.noteBoot(report, bootSessionId);
    const sessionNumber = nextSession(report.sessionNumber, highestSession, this.options.now());
    Object.assign(report, { sessionNumber, bootOrdinal, sequence: 0n, capabilities, lastSeenAt: this.options.now() });
    const replaced = this.moveGeneration(hostId, report, highestGeneration);
    if (rebooted || replaced || retold || state.presence !== 'online') this.markDue(hostId);
    return sessionNumber;
  }

  checkIn(hostId: string, position: Position, sent: ReceivedFacts | null, sha256: string): CheckInAnswer {
    const { report, state } = this.present(hostId, position.sessionNumber);
    const isNewer = this.advance(report, position);
    if (isNewer && sent !== null) this.storeFacts(hostId, report, sent);
    // An unchanged check-in counts as being heard of whatever its position is.
    if (state.presence !== 'online' && (sent === null ? state.dueAt === null : isNewer)) this.markDue(hostId);
    const factsWanted = sent === null && sha256 !== report.factsSha256;
    return { workAvailable: this.workAvailable(hostId, position.sessionNumber), factsWanted };
  }

  lease(hostId: string, sessionNumber: bigint): LeasedJob | null {
    if (hostOf(this.rows, hostId).report.sessionNumber !== sessionNumber) return null;
    const job = this.freeJob(hostId, sessionNumber);
    if (job === null) return null;
    const plan = this.planOf(job);
    job.state = 'leased';
    job.leaseNumber += 1;
    job.leaseSession = sessionNumber;
    job.leaseExpiresAt = this.leaseEnd();
    return {
      jobId: job.id,
      kind: job.kind,
      leaseNumber: job.leaseNumber,
      stepIndex: job.stepIndex,
      generation: plan === null ? null : String(plan.generation),
      bytes: plan === null ? null : Buffer.from(plan.bytes),
      signature: null,
    };
  }

  workAvailable(hostId: string, sessionNumber: bigint): boolean {
    return this.freeJob(hostId, sessionNumber) !== null;
  }

  renew({ hostId, sessionNumber, jobId, leaseNumber }: RenewOrder): boolean {
    const { report } = hostOf(this.rows, hostId);
    if (report.sessionNumber !== sessionNumber) return false;
    report.lastSeenAt = this.options.now();
    const job = this.rows.jobs.find((one) => one.id === jobId && one.hostId === hostId);
    const isHeld = job !== undefined && job.leaseNumber === leaseNumber && job.leaseSession === sessionNumber;
    if (!isHeld || !statesTaking('renew').includes(job.state)) return false;
    job.state = 'leased';
    job.leaseExpiresAt = this.leaseEnd();
    return true;
  }

  finish(hostId: string, position: Position, request: FinishRequest): FinishResult {
    const { report, hardwareUuid } = this.present(hostId, position.sessionNumber);
    const facts = request.factsJson.length === 0 ? null : readFacts(request.factsJson, hardwareUuid);
    const job = this.rows.jobs.find(({ id, hostId: owner }) => id === request.jobId && owner === hostId);
    const code = this.refusalOf(job, request);
    if (job === undefined || code !== null) return { accepted: false, code: code ?? 'FINISH_UNKNOWN_JOB' };
    if (this.advance(report, position) && facts !== null) this.storeFacts(hostId, report, facts);
    this.close(job, readJobEnd(request, job));
    this.markDue(hostId);
    return { accepted: true };
  }

  /** Takes lapsed leases back, and wakes hosts whose back-off ended since the last sweep. */
  sweep(): number {
    const now = this.options.now();
    const lapsed = this.rows.jobs.filter(
      ({ state, leaseExpiresAt }) =>
        statesTaking('lapse').includes(state) && leaseExpiresAt !== null && leaseExpiresAt <= now,
    );
    for (const job of lapsed) {
      job.state = nextOf(job.state, 'lapse')?.next ?? job.state;
      job.leaseExpiresAt = null;
    }
    const rested = this.rows.jobs.filter(
      ({ state, notBefore }) =>
        state === 'queued' && notBefore !== null && notBefore > this.sweptAt && notBefore <= now,
    );
    this.sweptAt = now;
    for (const { hostId } of [...lapsed, ...rested]) this.options.publish({ kind: 'work', hostId });
    return lapsed.length;
  }

  async openJob(_tx: unknown, { hostId, planId, lane, stepIndex, kind }: OpenJobOrder): Promise<string> {
    const { jobs } = this.rows;
    if (jobs.some((job) => job.hostId === hostId && job.lane === lane && OPEN_STATES.includes(job.state)))
      throw new Problem('CONFLICT', `host ${hostId} has an open job in the lane ${lane} already`);
    const id = this.options.newId();
    jobs.push({ id, hostId, planId, lane, stepIndex, kind, state: 'queued', ...NEW_JOB });
    return id;
  }

  async cancelOpen(_tx: unknown, { hostId, lane }: { readonly hostId: string; readonly lane: string }): Promise<void> {
    for (const job of this.rows.jobs)
      if (job.hostId === hostId && job.lane === lane && statesTaking('cancel').includes(job.state))
        Object.assign(job, { state: 'cancelled', finishedAt: this.options.now() });
  }

  private present(hostId: string, sessionNumber: bigint): HostRow {
    const host = hostOf(this.rows, hostId);
    const expected = host.report.sessionNumber;
    if (expected !== sessionNumber)
      throw new Problem('SESSION_FENCED', `expected session ${expected}, seen ${sessionNumber}`);
    return host;
  }

  private advance(report: HostRow['report'], { bootOrdinal, sequence }: Position): boolean {
    const isNewer =
      bootOrdinal > report.bootOrdinal || (bootOrdinal === report.bootOrdinal && sequence > report.sequence);
    if (isNewer) Object.assign(report, { bootOrdinal, sequence, lastSeenAt: this.options.now() });
    return isNewer;
  }

  private storeFacts(hostId: string, report: HostRow['report'], { facts, sha256 }: ReceivedFacts): void {
    if (report.factsSha256 === sha256) return;
    Object.assign(report, { facts, factsSha256: sha256 });
    if (facts.boot.sessionId !== null) this.noteBoot(report, facts.boot.sessionId);
    this.markDue(hostId);
  }

  private noteBoot(report: HostRow['report'], bootSessionId: string): boolean {
    if (bootSessionId === '' || bootSessionId === report.bootSessionId) return false;
    Object.assign(report, { bootSessionId, bootFirstSeenAt: this.options.now() });
    return true;
  }

  private moveGeneration(hostId: string, report: HostRow['report'], highest: bigint): boolean {
    if (highest > report.generation) report.generation = highest;
    const old = this.rows.plans.find(
      (plan) => plan.hostId === hostId && plan.state === 'open' && plan.generation < highest,
    );
    if (old === undefined) return false;
    void this.cancelOpen(null, { hostId, lane: 'plan' });
    old.state = 'superseded';
    return true;
  }

  private freeJob(hostId: string, session: bigint): JobRow | null {
    const now = this.options.now();
    const { capabilities } = hostOf(this.rows, hostId).report;
    const free = this.rows.jobs.filter((job) => {
      if (job.hostId !== hostId || !statesTaking('lease').includes(job.state)) return false;
      if (job.notBefore !== null && job.notBefore > now) return false;
      if (capabilities.length > 0 && !capabilities.includes(job.kind)) return false;
      const isHeld = job.leaseSession === session && job.leaseExpiresAt !== null && job.leaseExpiresAt > now;
      return (job.state === 'queued' || !isHeld) && this.isPresent(job);
    });
    return free.find(({ lane }) => lane === 'plan') ?? free[0] ?? null;
  }

  /** Its plan is open and the newest of its host. */
  private isPresent(job: JobRow): boolean {
    const plan = this.planOf(job);
    return job.planId === null || (plan?.state === 'open' && plan.generation === this.newest(job.hostId));
  }

  private refusalOf(job: JobRow | undefined, request: FinishRequest): FinishRefusal | null {
    if (job === undefined) return 'FINISH_UNKNOWN_JOB';
    const plan = this.planOf(job);
    if (plan !== null && (plan.generation !== this.newest(job.hostId) || request.generation !== plan.generation))
      return 'FINISH_OLD_GENERATION';
    if (!OPEN_STATES.includes(job.state)) return 'FINISH_UNKNOWN_JOB';
    return job.leaseSession === null || request.leaseNumber !== job.leaseNumber ? 'FINISH_STALE_LEASE' : null;
  }

  private close(job: JobRow, { event, result, errorCode, errorDetail }: JobEnd): void {
    const cell = nextOf(job.state, event);
    if (cell === null) throw new Error(`job ${job.id}: ${event} cannot happen in state ${job.state}`);
    const now = this.options.now();
    const waits = cell.effect === 'wait';
    if (waits || cell.next === 'dead') job.attempts += 1;
    Object.assign(job, { state: cell.next, errorCode, errorDetail, leaseExpiresAt: null });
    if (result !== null) job.result = result;
    if (waits)
      Object.assign(job, { leaseSession: null, notBefore: new Date(now.getTime() + transientDelayMs(job.attempts)) });
    else job.finishedAt = now;
    const plan = this.planOf(job);
    if (plan === null) return;
    if (cell.effect === 'end_plan') plan.state = 'failed';
    if (cell.effect === 'step_on') this.stepOn(job, plan);
  }

  private stepOn({ hostId, planId, lane, stepIndex }: JobRow, plan: PlanRow): void {
    const { steps } = JSON.parse(Buffer.from(plan.bytes).toString('utf8')) as { steps: { kind: JobKind }[] };
    const next = steps[stepIndex + 1];
    if (next === undefined) plan.state = 'done';
    else void this.openJob(null, { hostId, planId, lane, stepIndex: stepIndex + 1, kind: next.kind });
  }

  private planOf({ planId }: JobRow): PlanRow | null {
    return this.rows.plans.find(({ id }) => id === planId) ?? null;
  }

  private newest(hostId: string): bigint {
    return this.rows.plans.reduce(
      (top, plan) => (plan.hostId === hostId && plan.generation > top ? plan.generation : top),
      0n,
    );
  }

  private markDue(hostId: string): void {
    hostOf(this.rows, hostId).state.dueAt = this.options.now();
    this.options.publish({ kind: 'due', hostId });
  }

  private leaseEnd(): Date {
    return new Date(this.options.now().getTime() + this.options.leaseTtlMs);
  }
}

const NEW_JOB = {
  leaseNumber: 0,
  leaseSession: null,
  leaseExpiresAt: null,
  attempts: 0,
  notBefore: null,
  result: null,
  errorCode: null,
  errorDetail: null,
  finishedAt: null,
} as const;
