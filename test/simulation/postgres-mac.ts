/** A Mac and its agent for the model on real Postgres: what a step leaves behind, and calls into the product's own stores. */
import { type Facts, JOB_KINDS, type Plan, type PlanStep } from '@headroom/core';
import { FinishRequest, Outcome } from '@headroom/proto';
import { readFacts } from '../../apps/controller/src/agents/facts-input.ts';
import { ReportStore } from '../../apps/controller/src/agents/report-store.ts';
import { FinishJob } from '../../apps/controller/src/jobs/finish-job.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import { KC, kcStagedFacts, kdkReadyFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';
import type { TestApi } from '../api/support.ts';

export interface Breakage {
  readonly kind: PlanStep['kind'];
  readonly code: string;
}

/** What a job came to, by its own report. */
export interface Reported {
  readonly lease: LeasedJob;
  readonly accepted: boolean;
}

export class ModelAgent {
  breaks: Breakage | null = null;
  held: LeasedJob | null = null;
  /** Leases that a crash took from it: their finish may still arrive. */
  readonly stale: LeasedJob[] = [];
  private session: bigint | null = null;
  private sequence = 0n;
  private disk = { kdk: false, kc: false, kit: null as { visitId: string; quota: number } | null };
  private readonly reports: ReportStore;
  private readonly finishing: FinishJob;

  constructor(
    private readonly test: TestApi,
    readonly hostId: string,
    readonly hardwareUuid: string,
  ) {
    this.reports = new ReportStore(test.database, test.clock);
    this.finishing = new FinishJob(test.database, test.clock, test.bus);
  }

  crash(): void {
    if (this.held !== null) this.stale.push(this.held);
    this.held = null;
    this.session = null;
  }

  /** A session and a check-in; then a job, if there is one. */
  async lease(): Promise<{ job: LeasedJob; session: bigint } | null> {
    const session = this.session ?? (await this.connect());
    await this.reports.take(this.hostId, this.position(session), readFacts(this.factsJson(), this.hardwareUuid));
    const job = await this.test.jobs.lease(this.hostId, session);
    this.held = job;
    return job === null ? null : { job, session };
  }

  /** Does the step, unless it was done already by an older lease, and reports it. */
  async finish(lease: LeasedJob): Promise<Reported> {
    const session = this.session ?? (await this.connect());
    if (this.held === lease) this.held = null;
    const plan = JSON.parse(lease.bytes?.toString('utf8') ?? '{}') as Plan;
    const step = plan.steps[lease.stepIndex];
    const isBroken = this.breaks?.kind === lease.kind;
    const result = isBroken || step === undefined ? {} : this.act(step, plan);
    const { jobId, leaseNumber, generation } = lease;
    const request = FinishRequest.fromPartial({
      position: this.position(session),
      ...{ jobId, leaseNumber, generation: BigInt(generation ?? 0) },
      outcome: isBroken ? Outcome.FAILED : Outcome.SUCCEEDED,
      errorCode: isBroken ? this.breaks?.code : '',
      resultJson: Buffer.from(JSON.stringify(result)),
      factsJson: this.factsJson(),
    });
    const { hostId, hardwareUuid } = this;
    const { accepted } = await this.finishing.finish({ hostId, hardwareUuid }, this.position(session), request);
    return { lease, accepted };
  }

  private async connect(): Promise<bigint> {
    const { database, clock } = this.test;
    const now = clock.now();
    const row = await database.prisma.hostReport.update({
      where: { hostId: this.hostId },
      data: { sessionNumber: { increment: 1 }, sequence: 0n, capabilities: [...JOB_KINDS], lastSeenAt: now },
    });
    await database.prisma.hostState.update({ where: { hostId: this.hostId }, data: { dueAt: now } });
    this.session = row.sessionNumber;
    this.sequence = 0n;
    return row.sessionNumber;
  }

  private position(sessionNumber: bigint) {
    this.sequence += 1n;
    return { sessionNumber, bootOrdinal: 1, sequence: this.sequence };
  }

  private act(step: PlanStep, { grant }: Plan): object {
    const { disk } = this;
    if (step.kind === 'install_kdk') disk.kdk = true;
    if (step.kind === 'remove_kdk') disk.kdk = false;
    if (step.kind === 'remove_kc') disk.kc = false;
    if (step.kind === 'remove_kit') disk.kit = null;
    if (step.kind === 'build_kc') {
      disk.kc = true;
      return KC;
    }
    if (step.kind !== 'place_kit') return {};
    const { visitId, quota } = step;
    disk.kit = { visitId, quota };
    const { expiresAt } = JSON.parse(grant?.payload ?? '{}') as { expiresAt?: string };
    return { visitId, path: '/Library/Headroom', kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt };
  }

  private factsJson(): Buffer {
    const { kdk, kc, kit } = this.disk;
    const stock = stockFacts();
    const facts: Facts = {
      ...stock,
      hardware: { ...stock.hardware, uuid: this.hardwareUuid },
      kdks: kdk ? kdkReadyFacts().kdks : [],
      kernelCollections: kc ? kcStagedFacts().kernelCollections : [],
      visitKit: kit === null ? null : { ...kit, kcSha256: KC.sha256, complete: true },
    };
    return Buffer.from(JSON.stringify(facts));
  }
}
