/** Works through a plan on this Mac without a controller: the same gate, journal and steps, the image from a file. */
import { open, stat } from 'node:fs/promises';
import type { VerifySignature } from '@headroom/core';
import type { Mac } from '../mac.ts';
import type { ReadPlan } from '../plan/parse-plan.ts';
import { readFactsCounting } from '../read-facts.ts';
import type { LeasedJob, Report } from '../runner/job.ts';
import { openJournal } from '../runner/journal.ts';
import { type RunnerPorts, runJob } from '../runner/run-job.ts';
import type { Identity } from '../state/identity.ts';
import type { OpenKdkImage } from '../steps/step.ts';
import { kitSource } from './kit-source.ts';

const CHUNK_BYTES = 256 * 1024;

export interface LocalPlan {
  readonly plan: ReadPlan;
  readonly planText: string;
  /** Keeps the journal's records of different commands apart. */
  readonly idPrefix: string;
  readonly ports: RunnerPorts;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Reports in the order of the steps; stops after the first that did not succeed, or when the agent is stopped. */
export async function runLocalPlan(input: LocalPlan): Promise<readonly Report[]> {
  const { plan, planText, idPrefix, ports, signal, say } = input;
  const reports: Report[] = [];
  for (const [stepIndex, { kind }] of plan.steps.entries()) {
    const name = `step ${stepIndex + 1} of ${plan.steps.length} ${kind}`;
    const jobId = `${idPrefix}-${plan.planId}-${stepIndex}`;
    const job: LeasedJob = { jobId, kind, leaseNumber: 1, generation: plan.generation, stepIndex, planText };
    const report = await runJob(job, ports, { signal, progress: (line) => say(`${name}: ${line}`) });
    if (report === null) return reports;
    say(`${name}: ${outcomeText(report)}`);
    await ports.journal.remove(jobId);
    reports.push(report);
    if (!isSuccess(report)) return reports;
  }
  return reports;
}

export function isSuccess({ outcome }: Report): boolean {
  return outcome === 'succeeded';
}

export interface LocalPorts {
  readonly mac: Mac;
  readonly identity: Identity | null;
  readonly verify: VerifySignature;
  readonly kdkFile: string | undefined;
}

export async function localPorts({ mac, identity, verify, kdkFile }: LocalPorts): Promise<RunnerPorts> {
  return {
    mac,
    journal: await openJournal(mac),
    identity,
    verify,
    facts: () => readFactsCounting(mac),
    openKdkImage: imageFrom(kdkFile),
    kitSource: kitSource(),
    now: () => new Date(),
    log: () => {},
  };
}

function outcomeText({ outcome, code, detail, result }: Report): string {
  return code === null ? `${outcome} ${JSON.stringify(result)}` : `${outcome} ${code}: ${detail}`;
}

function imageFrom(path: string | undefined): OpenKdkImage {
  return async function* (_sha256, offset, signal) {
    if (path === undefined) throw new Error('no image was given: use --kdk FILE');
    const { size } = await stat(path);
    const file = await open(path, 'r');
    try {
      for (let at = offset; at < size && !signal.aborted; ) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
        if (bytesRead === 0) return;
        yield { offset: at, totalBytes: size, data: buffer.subarray(0, bytesRead) };
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  };
}
