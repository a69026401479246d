/**
 * headroom-agent apply-plan: works through a plan from a file, without a controller. The same gate, journal and steps as under
 * one: a grant has to be signed by a key that is pinned here, or given with --grant-key by whoever is root on this Mac.
 */
import { open, readFile, stat } from 'node:fs/promises';
import { readTextFile } from '../files.ts';
import { pinnedVerifier } from '../grants/verify.ts';
import { type Mac, openMac } from '../mac.ts';
import { PLAN_BYTES_MAX, parsePlan, type ReadPlan } from '../plan/parse-plan.ts';
import { readFactsCounting } from '../read-facts.ts';
import type { LeasedJob, Report } from '../runner/job.ts';
import { openJournal } from '../runner/journal.ts';
import { type RunnerPorts, runJob } from '../runner/run-job.ts';
import { recordTools } from '../runner/tool-record.ts';
import { type GrantKey, type Identity, readIdentity } from '../state/identity.ts';
import { takeLock } from '../state/lock.ts';
import { detachStaleMounts } from '../steps/kdk/mounts.ts';
import type { OpenKdkImage } from '../steps/step.ts';
import type { Options } from './arguments.ts';
import { kitSource } from './kit-source.ts';
import { lifetime } from './lifetime.ts';
import { UsageError } from './usage.ts';

const CHUNK_BYTES = 256 * 1024;

export async function applyPlan(options: Options): Promise<number> {
  if (options.plan === undefined) throw new UsageError('apply-plan needs --plan FILE');
  const planText = await readTextFile(options.plan, PLAN_BYTES_MAX);
  if (planText === null) throw new UsageError(`--plan: ${options.plan} does not exist`);
  const plan = parsePlan(planText);
  const mac = openMac(options.sysroot);
  const signal = lifetime({ exitWithParent: false, log: say });
  const release = await takeLock(mac);
  try {
    await recordTools(mac, say);
    await detachStaleMounts(mac);
    return await applySteps(plan, planText, await portsOf(mac, plan, options), signal);
  } finally {
    await release();
  }
}

async function applySteps(plan: ReadPlan, planText: string, ports: RunnerPorts, signal: AbortSignal): Promise<number> {
  for (const [stepIndex, { kind }] of plan.steps.entries()) {
    const name = `step ${stepIndex + 1} of ${plan.steps.length} ${kind}`;
    const jobId = `file-${plan.planId}-${stepIndex}`;
    const job: LeasedJob = { jobId, kind, leaseNumber: 1, generation: plan.generation, stepIndex, planText };
    const report = await runJob(job, ports, { signal, progress: (line) => say(`${name}: ${line}`) });
    if (report === null) return 1;
    say(`${name}: ${outcomeText(report)}`);
    await ports.journal.remove(jobId);
    if (report.outcome !== 'succeeded') return 1;
  }
  return 0;
}

function outcomeText({ outcome, code, detail, result }: Report): string {
  return code === null ? `${outcome} ${JSON.stringify(result)}` : `${outcome} ${code}: ${detail}`;
}

async function portsOf(mac: Mac, plan: ReadPlan, options: Options): Promise<RunnerPorts> {
  const identity = await readIdentity(mac);
  return {
    mac,
    journal: await openJournal(mac),
    identity,
    verify: pinnedVerifier(await grantKeys(identity, plan, options['grant-key'])),
    facts: () => readFactsCounting(mac),
    openKdkImage: imageFrom(options.kdk),
    kitSource: kitSource(),
    now: () => new Date(),
    log: () => {},
  };
}

/** A key from a file stands for the key id that the plan's grant names: whoever gives the file decides that it is the one. */
async function grantKeys(
  identity: Identity | null,
  plan: ReadPlan,
  file: string | undefined,
): Promise<readonly GrantKey[]> {
  if (file === undefined) return identity?.grantPublicKeys ?? [];
  return plan.grant === null ? [] : [{ keyId: plan.grant.keyId, pem: await readFile(file, 'utf8') }];
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

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
