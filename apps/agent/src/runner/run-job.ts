/**
 * Runs one job: gate, check, act, verify, each journaled before and after.
 * Guarantee: a job ends with exactly one report, which is on disk before anybody hears of it (on a full disk it is not, and is told
 * all the same: a job whose record is lost is found out about by its check); a job that was cut goes on where it was; nothing acts
 * before the gate has let it through, also when it goes on.
 */
import type { Facts, PlanStep, VerifySignature } from '@headroom/core';
import { AgentError, Refusal } from '../agent-error.ts';
import { isDiskFull } from '../files.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { CommandError } from '../macos/runner.ts';
import { type Authorized, authorize } from '../plan/authorize.ts';
import { parsePlan } from '../plan/parse-plan.ts';
import { noteGeneration, readBootState } from '../state/boot-state.ts';
import type { Identity } from '../state/identity.ts';
import { bindStep, CAPABILITIES } from '../steps/catalogue.ts';
import type { OpenKdkImage, StepContext } from '../steps/step.ts';
import { readStoredBootArgs } from '../steps/stored-boot-args.ts';
import type { LeasedJob, Report } from './job.ts';
import type { Journal, JournalRecord, Phase } from './journal.ts';

export interface RunnerPorts {
  readonly mac: Mac;
  readonly journal: Journal;
  readonly identity: Pick<Identity, 'hostId' | 'fleetId'> | null;
  readonly verify: VerifySignature;
  readonly facts: () => Promise<Facts>;
  readonly openKdkImage: OpenKdkImage;
  readonly kitSource: string;
  readonly now: () => Date;
  readonly log: Log;
}

export interface RunWatch {
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** null = it was stopped before its end and goes on when it is leased again. */
export async function runJob(job: LeasedJob, ports: RunnerPorts, watch: RunWatch): Promise<Report | null> {
  const earlier = await ports.journal.read(job.jobId);
  if (earlier?.report) {
    await kept({ ...earlier, job }, ports);
    return earlier.report;
  }
  const phase = earlier?.phase ?? 'leased';
  const full = await kept({ job, phase, report: null }, ports);
  if (full !== null) return full;
  const report = await endOf(job, phase, ports, watch);
  if (report !== null) await kept({ job, phase: 'reported', report }, ports);
  return report;
}

/** null = it is on disk; else what to report of a disk that is too full for it. */
async function kept(record: JournalRecord, { journal, log }: RunnerPorts): Promise<Report | null> {
  try {
    await journal.write(record);
    return null;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    log(`journal of ${record.job.jobId}: the disk is full`);
    return reportOf(error);
  }
}

async function endOf(job: LeasedJob, phase: Phase, ports: RunnerPorts, watch: RunWatch): Promise<Report | null> {
  try {
    const facts = factsUntilChange(ports.facts);
    const { step, grant } = await passGate(job, ports, facts.read);
    const context = { ...ports, ...watch, grant, facts: facts.read } satisfies StepContext;
    const note = (next: Phase) => {
      facts.forget();
      return ports.journal.write({ job, phase: next, report: null } satisfies JournalRecord);
    };
    const result = await work(step, phase, context, note);
    return { outcome: 'succeeded', code: null, detail: '', result };
  } catch (error) {
    if (watch.signal.aborted) return null;
    ports.log(`${job.kind} ${job.jobId}: ${error instanceof Error ? error.message : String(error)}`);
    return reportOf(error);
  }
}

/** A step that had acted is read back first; whatever is then not as wanted is done again. */
async function work(
  step: PlanStep,
  phase: Phase,
  context: StepContext,
  note: (next: Phase) => Promise<void>,
): Promise<unknown> {
  const { check, act, verify } = bindStep(step);
  if (phase !== 'acted') {
    context.progress('checking');
    const done = await check(context);
    context.signal.throwIfAborted();
    if (done !== null) return done;
    await actOn(act, context, note);
    return verify(context);
  }
  try {
    return await verify(context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof AgentError)) throw error;
    return work(step, 'leased', context, note);
  }
}

async function actOn(
  act: (context: StepContext) => Promise<void>,
  context: StepContext,
  note: (next: Phase) => Promise<void>,
): Promise<void> {
  await note('acting');
  context.progress('acting');
  await act(context);
  context.signal.throwIfAborted();
  await note('acted');
  context.progress('reading back');
}

/** Reading facts starts some twenty tools: one reading serves until the step has changed something. */
function factsUntilChange(readNow: () => Promise<Facts>) {
  let kept: Promise<Facts> | null = null;
  return {
    read() {
      kept ??= readNow();
      return kept;
    },
    forget() {
      kept = null;
    },
  };
}

async function passGate(job: LeasedJob, ports: RunnerPorts, facts: () => Promise<Facts>): Promise<Authorized> {
  if (!CAPABILITIES.some((kind) => kind === job.kind))
    throw new Refusal('JOB_KIND_UNKNOWN', `This agent does not know ${JSON.stringify(job.kind.slice(0, 80))}.`);
  if (job.planText === '') return careStep(job);
  const plan = parsePlan(job.planText);
  if (plan.generation !== job.generation)
    throw new Refusal('PLAN_UNREADABLE', `The job names generation ${job.generation}, its plan ${plan.generation}.`);
  const { highestGeneration } = await readBootState(ports.mac);
  const authorized = authorize(plan, job.stepIndex, job.kind, {
    hostUuid: (await facts()).hardware.uuid,
    hostId: ports.identity?.hostId ?? null,
    fleetId: ports.identity?.fleetId ?? null,
    simulated: ports.mac.simulated,
    highestGeneration,
    verify: ports.verify,
    now: ports.now(),
    storedBootArgs: await storedBootArgs(job, ports),
  });
  await noteGeneration(ports.mac, plan.generation);
  return authorized;
}

/** Read only for the steps that write them: another step must not fail because nvram does. */
function storedBootArgs({ kind }: LeasedJob, { mac }: RunnerPorts): Promise<string | null> {
  return kind === 'place_kit' || kind === 'set_boot_args' ? readStoredBootArgs(mac) : Promise.resolve(null);
}

/** The care lane has no plan, so it may only look. */
function careStep({ kind }: LeasedJob): Authorized {
  if (kind === 'collect_facts') return { step: { kind }, grant: null };
  throw new Refusal('PLAN_UNREADABLE', `${kind} came without a plan.`);
}

function reportOf(error: unknown): Report {
  const report = { detail: error instanceof Error ? error.message : String(error), result: null };
  if (error instanceof Refusal) return { ...report, outcome: 'refused', code: error.code };
  if (error instanceof AgentError) return { ...report, outcome: 'failed', code: error.code };
  if (isDiskFull(error)) return { ...report, outcome: 'failed', code: 'DISK_FULL' };
  const code = error instanceof CommandError ? 'COMMAND_FAILED' : 'INTERNAL';
  return { ...report, outcome: 'failed', code };
}
