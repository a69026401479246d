/** What must never be seen in the database or be handed out of it, whatever is done and fails. Keeps books of its own. */
import { LOWERING_KINDS, type Plan } from '@headroom/core';
import { OPEN_STATES } from '../../apps/controller/src/jobs/job-life.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import type { TestApi } from '../api/support.ts';
import { flipsSince } from './postgres-flips.ts';
import type { ModelAgent, Reported } from './postgres-mac.ts';
import { loadRows } from './postgres-rows.ts';
import { RolloutWatch } from './rollout-watch.ts';
import { noRows, replaceRows } from './rows.ts';
import { fail } from './violation.ts';

interface Lease {
  readonly number: number;
  readonly session: bigint;
  until: number;
}

export const LEASE_TTL_MS = 60_000;

export class PostgresWatch {
  private readonly leases = new Map<string, Lease>();
  private readonly finishes = new Set<string>();
  private readonly ended = new Map<string, string>();
  /** What rollouts promise is asked here by the same watch as in memory. */
  readonly rollouts: RolloutWatch;
  private readonly rows = noRows();
  private seen = 0;

  constructor(private readonly test: TestApi) {
    this.rollouts = new RolloutWatch(this.rows, () => test.clock.now().getTime());
  }

  async onLease({ hardwareUuid }: ModelAgent, job: LeasedJob, session: bigint): Promise<void> {
    const now = this.test.clock.now().getTime();
    const before = this.leases.get(job.jobId);
    if (before !== undefined && before.until > now && before.session === session)
      fail(`job ${job.jobId} is under two live leases of session ${session}`);
    if (before !== undefined && job.leaseNumber <= before.number)
      fail(`job ${job.jobId}: lease ${job.leaseNumber} after ${before.number}`);
    this.leases.set(job.jobId, { number: job.leaseNumber, session, until: now + LEASE_TTL_MS });
    if (LOWERING_KINDS.some((kind) => kind === job.kind)) await this.checkConsent(hardwareUuid, job, now);
  }

  onFinish({ lease, accepted }: Reported): void {
    if (!accepted) return;
    const key = `${lease.jobId} ${lease.leaseNumber}`;
    if (this.finishes.has(key)) fail(`job ${lease.jobId}: two finishes of lease ${lease.leaseNumber} were taken`);
    this.finishes.add(key);
    const last = this.leases.get(lease.jobId);
    if (last?.number !== lease.leaseNumber)
      fail(`job ${lease.jobId}: a finish of lease ${lease.leaseNumber} was taken, ${last?.number} is the last`);
    last.until = 0;
  }

  /** After every command. */
  async check(): Promise<void> {
    await this.checkJobs();
    await this.checkRollouts();
  }

  private async checkConsent(hardwareUuid: string, { bytes, kind }: LeasedJob, now: number): Promise<void> {
    const { grant, steps } = JSON.parse(bytes?.toString('utf8') ?? '{}') as Plan;
    const row = await this.test.database.prisma.grant.findFirst({ where: { payload: grant?.payload ?? '' } });
    if (row === null) return fail(`${kind} without a grant that was given`);
    const { hostUuids, quotaMax } = JSON.parse(row.payload) as { hostUuids: string[]; quotaMax: number };
    if (!hostUuids.includes(hardwareUuid)) fail(`${kind} under the grant of another Mac`);
    if (row.expiresAt.getTime() <= now) fail(`${kind} after the end of its grant`);
    if (row.revokedAt !== null) fail(`${kind} under a revoked grant`);
    for (const step of steps)
      if ('quota' in step && step.quota > quotaMax) fail(`${kind} above the quota of its grant`);
  }

  private async checkJobs(): Promise<void> {
    const { prisma } = this.test.database;
    const jobs = await prisma.job.findMany({ select: { id: true, planId: true, state: true } });
    const open = new Map<string, number>();
    const known = new Set(jobs.map(({ id }) => id));
    for (const id of this.leases.keys()) if (!known.has(id)) fail(`job ${id} is lost`);
    for (const { id, planId, state } of jobs) {
      const end = this.ended.get(id);
      if (end !== undefined && end !== state) fail(`job ${id} had ended as ${end} and is ${state}`);
      if (!OPEN_STATES.some((one) => one === state)) this.ended.set(id, state);
      else open.set(planId ?? '', (open.get(planId ?? '') ?? 0) + 1);
    }
    const plans = await prisma.plan.findMany({ select: { id: true, state: true } });
    for (const { id, state } of plans) {
      const count = open.get(id) ?? 0;
      if (count !== (state === 'open' ? 1 : 0)) fail(`plan ${id} is ${state} with ${count} open jobs`);
    }
  }

  /** Each flip since the last look with the targets as they were before it, then what is there now. */
  private async checkRollouts(): Promise<void> {
    const { prisma } = this.test.database;
    const now = await loadRows(prisma);
    for (const { nth, rolloutId, hostIds, before } of await flipsSince(this.test.database.pool, this.seen)) {
      this.seen = nth;
      replaceRows(this.rows, { ...now, targets: before });
      this.rollouts.onFlip(rolloutId, hostIds);
    }
    replaceRows(this.rows, now);
    this.rollouts.check();
  }
}
