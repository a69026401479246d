/**
 * The end of a job, in one transaction: result and the facts read after the step are stored, the job is closed, and the
 * plan's next step is opened or the plan ends. One finish of a job is recorded; whatever else arrives is declined, harmlessly.
 * Many hosts' finishes go together.
 */
import type { FinishRequest } from '@headroom/proto';
import type pg from 'pg';
import { type ReceivedFacts, readFacts } from '../agents/facts-input.ts';
import { joined, NO_CHANGES } from '../agents/host-changes.ts';
import { type LockedReport, lockHosts } from '../agents/host-lock.ts';
import { type Position, presentReport, reportChange } from '../agents/report-change.ts';
import { type DecideAll, type Decision, decided, storeDecisions } from '../agents/store-decisions.ts';
import { ControllerBus } from '../bus/bus.ts';
import { Clock } from '../common/clock.ts';
import { isUuid } from '../common/ids.ts';
import { CallBatch, HELD } from '../db/call-batch.ts';
import { Database } from '../db/database.ts';
import { type FinishRefusal, finishChange, refusalOf } from './finish-change.ts';
import { type JobName, type JobToFinish, keyOf, lockJobs } from './finish-sql.ts';

export type { FinishRefusal } from './finish-change.ts';
export type FinishResult = { readonly accepted: true } | { readonly accepted: false; readonly code: FinishRefusal };

/** The Mac that reports, as its certificate says. */
export interface FinishingHost {
  readonly hostId: string;
  readonly hardwareUuid: string;
}

interface FinishCall {
  readonly hostId: string;
  readonly position: Position;
  readonly request: FinishRequest;
  readonly facts: ReceivedFacts | null;
}

export class FinishJob {
  private readonly batch: CallBatch<FinishCall, FinishResult>;

  constructor(
    database: Database,
    private readonly clock: Clock,
    private readonly bus: ControllerBus,
  ) {
    const decideAll: DecideAll<FinishCall, FinishResult> = (...batch) => this.decideAll(...batch);
    this.batch = new CallBatch((calls, alone) => storeDecisions(database, clock, calls, alone, decideAll), {
      keyOf: ({ hostId }) => hostId,
      bytesOf: ({ request, facts }) => (facts?.bytes ?? 0) + request.resultJson.length,
    });
  }

  /** Throws only for requests that no agent of ours sends (and SESSION_FENCED); old news is declined with a code. */
  async finish({ hostId, hardwareUuid }: FinishingHost, position: Position, request: FinishRequest) {
    const facts = request.factsJson.length === 0 ? null : readFacts(request.factsJson, hardwareUuid);
    const result = await this.batch.add({ hostId, position, request, facts });
    if (result.accepted) this.bus.publish({ kind: 'due', hostId });
    return result;
  }

  private async decideAll(client: pg.ClientBase, calls: readonly FinishCall[], alone: boolean) {
    const hostIds = calls.map(({ hostId }) => hostId);
    const reports = await lockHosts(client, hostIds, alone);
    const held = calls.filter(({ hostId, request }) => reports.has(hostId) && isUuid(request.jobId));
    const jobs = await lockJobs(client, held.map(jobName), alone);
    return calls.map((call) => {
      const report = reports.get(call.hostId);
      const job = jobs.get(keyOf(jobName(call)));
      // What was left out is held by somebody else, or is not there: alone, it is known which.
      if (!alone && (report === undefined || job === undefined)) return HELD;
      return decided(() => this.decide(presentReport(report, call), job, call));
    });
  }

  private decide(
    report: LockedReport,
    job: JobToFinish | undefined,
    { position, request, facts }: FinishCall,
  ): Decision<FinishResult> {
    const refusal = job === undefined ? 'FINISH_UNKNOWN_JOB' : refusalOf(job, request);
    if (job === undefined || refusal !== null)
      return { reply: { accepted: false, code: refusal ?? 'FINISH_UNKNOWN_JOB' }, changes: NO_CHANGES };
    const changes = joined([reportChange(report, position, facts), finishChange(job, request, this.clock.now())]);
    return { reply: { accepted: true }, changes };
  }
}

function jobName({ hostId, request }: FinishCall): JobName {
  return { hostId, jobId: request.jobId.toLowerCase() };
}
