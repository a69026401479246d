/** What must never be seen in the database or be handed out of it, whatever is done and fails. Keeps books of its own. */
import { LOWERING_KINDS, type Plan, type RolloutStrategy, thresholdOf } from '@headroom/core';
import { OPEN_STATES } from '../../apps/controller/src/jobs/job-life.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import type { TestApi } from '../api/support.ts';
import type { ModelAgent, Reported } from './postgres-mac.ts';

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
  /** Of rollouts that stand still: the Macs that wait in them. */
  private still = new Map<string, readonly string[]>();

  constructor(private readonly test: TestApi) {}

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

  private async checkRollouts(): Promise<void> {
    const { prisma } = this.test.database;
    const rollouts = await prisma.rollout.findMany({ include: { targets: true } });
    const live = new Map<string, string>();
    const still = new Map<string, readonly string[]>();
    for (const { id, state, strategy, targets } of rollouts) {
      const { concurrency, rings } = (strategy ?? { concurrency: { total: null }, rings: [] }) as unknown as Pick<
        RolloutStrategy,
        'concurrency' | 'rings'
      >;
      const opened = targets.filter((target) => target.state === 'opened');
      const total = concurrency.total ?? Number.POSITIVE_INFINITY;
      if (opened.length > total) fail(`rollout ${id}: ${opened.length} under way, ${total} may be`);
      for (const { hostId } of opened) {
        if (live.has(hostId)) fail(`${hostId} is under way in two rollouts: ${id} and ${live.get(hostId)}`);
        live.set(hostId, id);
      }
      for (const [index, { name, errorAt }] of rings.entries()) {
        const mine = targets.filter(({ ring, state: one }) => ring === index && !/^s(kipped|uperseded)$/.test(one));
        const failed = mine.filter((target) => target.state === 'failed' || target.state === 'stuck').length;
        const limit = errorAt === null ? null : thresholdOf(errorAt, mine.length);
        if (limit !== null && failed > Math.max(limit, 1) - 1 + total)
          fail(`rollout ${id}, ring ${name}: ${failed} failed, ${limit} halt it and ${total} may be under way`);
      }
      if (state !== 'halted' && state !== 'paused') continue;
      const waited = this.still.get(id) ?? [];
      const now = opened.find(({ hostId }) => waited.includes(hostId));
      if (now !== undefined) fail(`rollout ${id} stands still and opened ${now.hostId}`);
      still.set(
        id,
        targets.filter((target) => target.state === 'pending').map(({ hostId }) => hostId),
      );
    }
    this.still = still;
  }
}

function fail(problem: string): never {
  throw new Error(problem);
}
