/**
 * Leases jobs, runs them and reports each end until the controller has taken or refused it.
 * Guarantee: a report is sent from the journal, never from memory alone; a job that is no longer this agent's is stopped at its
 * next safe point; a report that a newer lease outdated stays, and goes out under that lease.
 */
import { type FinishReply, type Job, Outcome } from '@headroom/proto';
import type { LeasedJob, Report } from '../runner/job.ts';
import { type RunnerPorts, runJob } from '../runner/run-job.ts';
import type { StatusFile } from '../state/status-file.ts';
import type { Controller } from './client.ts';
import type { ControllerError } from './controller-error.ts';
import type { FactsSender } from './facts-sender.ts';
import { isRefusedForGood, type RefusedReports } from './refused-reports.ts';
import { GAP_MS, keepRenewed, SOON_MS } from './renewals.ts';
import type { Session } from './session.ts';

export interface WorkPorts {
  readonly runner: RunnerPorts;
  readonly controller: Controller;
  readonly sender: FactsSender;
  readonly status: StatusFile;
  readonly refused: RefusedReports;
}

const RENEWALS_PER_TTL = 3;
const RENEW_MS_MIN = 500;
const DETAIL_CHARS_MAX = 8000;

const OUTCOMES: Readonly<Record<Report['outcome'], Outcome>> = {
  succeeded: Outcome.SUCCEEDED,
  failed: Outcome.FAILED,
  refused: Outcome.REFUSED,
};

/** Works until nothing is leased any more. A job that did not come to its end waits for the next check-in: no hot loop. */
export async function workThrough(ports: WorkPorts, session: Session, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const job = await ports.controller.lease(session.number);
    if (job === undefined || !(await workOn(job, ports, session, signal))) return;
  }
}

/** Reports that an earlier run of the agent could not bring out. */
export async function sendOldReports(ports: WorkPorts, session: Session): Promise<void> {
  for (const { job, report } of await ports.runner.journal.all())
    if (report !== null && !ports.refused.isSetAside(job.jobId)) await sendReport(job, report, ports, session);
}

/** true = the job's report was taken. */
async function workOn(job: Job, ports: WorkPorts, session: Session, signal: AbortSignal): Promise<boolean> {
  const leased = leasedJob(job);
  // One job is open at a time: another one's record belongs to work that the controller has given up.
  await ports.runner.journal.removeOthers(leased.jobId);
  if (ports.refused.isSetAside(leased.jobId)) return false;
  const lost = new AbortController();
  let progress = 'leased';
  const everyMs = Math.max(RENEW_MS_MIN, (job.leaseTtlMs || session.leaseTtlMs) / RENEWALS_PER_TTL);
  const renew = async (): Promise<void> => {
    const request = { sessionNumber: session.number, jobId: job.jobId, leaseNumber: job.leaseNumber, progress };
    const reply = await ports.controller.renew(request).catch(() => null);
    if (reply?.stillYours === false) lost.abort();
  };
  const renewals = keepRenewed({ everyMs, soonMs: SOON_MS, gapMs: GAP_MS }, () => void renew());
  const onProgress = (line: string): void => {
    progress = line.slice(0, 200);
    renewals.said();
    void ports.status.update({ job: { jobId: job.jobId, kind: job.kind, progress } });
  };
  try {
    const both = AbortSignal.any([signal, lost.signal]);
    const report = await runJob(leased, ports.runner, { signal: both, progress: onProgress });
    if (report !== null) return await sendReport(leased, report, ports, session);
    if (lost.signal.aborted) ports.runner.log(`${job.kind} ${job.jobId}: no longer ours, stopped`);
    return false;
  } finally {
    renewals.stop();
    await ports.status.update({ job: null });
  }
}

async function sendReport(job: LeasedJob, report: Report, ports: WorkPorts, session: Session): Promise<boolean> {
  const facts = ports.sender.whole(await ports.runner.facts());
  const request = {
    position: session.position(),
    jobId: job.jobId,
    leaseNumber: job.leaseNumber,
    generation: BigInt(job.generation),
    outcome: OUTCOMES[report.outcome],
    errorCode: report.code ?? '',
    errorDetail: report.detail.slice(0, DETAIL_CHARS_MAX),
    resultJson: report.result === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(report.result)),
    factsJson: facts.json,
  };
  let reply: FinishReply;
  try {
    reply = await ports.controller.finish(request);
  } catch (error) {
    ports.sender.forget();
    if (!isRefusedForGood(error)) throw error;
    await noteRefusal(job, error, ports);
    return false;
  }
  ports.refused.forget(job.jobId);
  const { log, journal } = ports.runner;
  log(`${job.kind} ${job.jobId}: ${report.outcome}${reply.accepted ? '' : `, not taken (${reply.code})`}`);
  // A refused finish stored no facts, so the controller does not have these.
  if (!reply.accepted) ports.sender.forget();
  if (reply.accepted || reply.code !== 'FINISH_STALE_LEASE') await journal.remove(job.jobId);
  if (report.code !== null)
    await ports.status.update({
      lastError: { code: report.code, detail: report.detail, at: new Date().toISOString(), of: 'job' },
    });
  return reply.accepted;
}

/** A report that is refused again and again keeps neither the agent nor the controller busy; it stays in the journal. */
async function noteRefusal(job: LeasedJob, error: ControllerError, ports: WorkPorts): Promise<void> {
  const { log, now } = ports.runner;
  const detail = `${job.kind} ${job.jobId}: ${error.code ?? 'refused'}: ${error.message}`;
  if (!ports.refused.count(job.jobId)) throw error;
  log(`REPORT_REFUSED ${detail}`);
  await ports.status.update({ lastError: { code: 'REPORT_REFUSED', detail, at: now().toISOString(), of: 'job' } });
}

function leasedJob(job: Job): LeasedJob {
  return {
    jobId: job.jobId,
    kind: job.kind,
    leaseNumber: job.leaseNumber,
    generation: Number(job.generation),
    stepIndex: job.stepIndex,
    planText: job.plan.toString('utf8'),
  };
}
