/**
 * An agent as its life goes on a Mac: session, check-in, lease, journal, check, act, verify, finish. The gate before each step is
 * the product's own. What it has in memory is lost when it is killed; journal, generation and the Mac's disk are not.
 */
import type { PlanStep } from '@headroom/core';
import { FinishRequest, Outcome } from '@headroom/proto';
import { AgentError, Refusal } from '../../apps/agent/src/agent-error.ts';
import { authorize } from '../../apps/agent/src/plan/authorize.ts';
import { parsePlan } from '../../apps/agent/src/plan/parse-plan.ts';
import type { Position } from '../../apps/controller/src/agents/report-change.ts';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import { FLEET_ID } from './memory-database.ts';
import type { SimMac } from './sim-mac.ts';
import { CAPABILITIES } from './sim-mac.ts';
import type { Wire } from './wire.ts';

interface Report {
  readonly outcome: Outcome;
  readonly code: string;
  readonly result: unknown;
}

interface Journaled {
  job: LeasedJob;
  phase: 'leased' | 'acting' | 'acted' | 'reported';
  report: Report | null;
}

/** What lies on the Mac's disk for the agent. */
export interface AgentDisk {
  journal: Map<string, Journaled>;
  bootSession: string;
  bootOrdinal: number;
  highestGeneration: number;
  highestSession: bigint;
}

interface Working {
  readonly record: Journaled;
  endsAt: number;
  step: PlanStep | null;
  expiresAt: string | null;
}

export interface AgentPorts {
  readonly wire: Wire;
  readonly now: () => number;
  /** Ms that acting takes. */
  readonly takes: (kind: string) => number;
  /** The error with which this act fails; null = it does not. */
  readonly fails: (agent: SimAgent, kind: string) => string | null;
  /** Called when the gate let a step through that lowers. */
  readonly onLower: (agent: SimAgent, what: string, quota: number, payload: string | null) => void;
  /** The time that the gate goes by. */
  readonly gateTime: (agent: SimAgent) => Date;
  readonly verify: (payload: string, signature: string, keyId: string) => boolean;
}

const RENEW_MS = 20_000;
const CHECK_IN_MS = 60_000;
const PAUSE_MS = 5_000;

export class SimAgent {
  disk: AgentDisk = { journal: new Map(), bootSession: '', bootOrdinal: 0, highestGeneration: 0, highestSession: 0n };
  /** Set by faults: Macs' clocks are for display and for the end of a grant. */
  clockOffsetMs = 0;
  private session: { readonly number: bigint; sequence: bigint } | null = null;
  private working: Working | null = null;
  private sent = '';

  constructor(
    readonly name: string,
    readonly hostId: string,
    readonly mac: SimMac,
    private readonly ports: AgentPorts,
  ) {}

  /** Killed: memory is gone. */
  die(): void {
    this.session = null;
    this.working = null;
    this.sent = '';
  }

  /** Waiting for a nudge or the time. */
  get isIdle(): boolean {
    return this.session !== null && this.working === null;
  }

  agentTime(): Date {
    return new Date(this.ports.now() + this.clockOffsetMs);
  }

  /** Does one thing; gives the ms until the next. */
  tick(): number {
    try {
      if (this.session === null) return this.connect();
      if (this.working !== null) return this.work(this.working);
      return this.checkIn();
    } catch (error) {
      // Trouble on the wire and a fence end the session; the next one goes on from what lies on the disk.
      if (!(error instanceof Problem)) throw error;
      this.die();
      return PAUSE_MS;
    }
  }

  private connect(): number {
    const { disk, mac } = this;
    if (disk.bootSession !== mac.bootSession) {
      disk.bootSession = mac.bootSession;
      disk.bootOrdinal += 1;
    }
    const { bootOrdinal, bootSession: bootSessionId, highestGeneration, highestSession } = disk;
    const order = {
      bootSessionId,
      bootOrdinal,
      highestGeneration: BigInt(highestGeneration),
      highestSession,
      capabilities: CAPABILITIES,
    };
    const number = this.ports.wire.openSession(this, order);
    disk.highestSession = number;
    this.session = { number, sequence: 0n };
    for (const record of [...disk.journal.values()]) if (record.report !== null) this.report(record, record.report);
    return 0;
  }

  private checkIn(): number {
    const text = JSON.stringify(this.mac.facts());
    const facts = this.ports.wire.factsBytes(this.mac, text);
    const isNews = text !== this.sent;
    const reply = this.ports.wire.checkIn(this, this.position(), isNews ? facts : null, facts);
    this.sent = reply.factsWanted ? '' : text;
    if (reply.factsWanted) return 0;
    return reply.workAvailable ? this.lease() : CHECK_IN_MS;
  }

  private lease(): number {
    const job = this.ports.wire.lease(this, this.session?.number ?? 0n);
    if (job === null) return CHECK_IN_MS;
    const { journal } = this.disk;
    for (const id of journal.keys()) if (id !== job.jobId) journal.delete(id);
    const record: Journaled = journal.get(job.jobId) ?? { job, phase: 'leased', report: null };
    record.job = job;
    journal.set(job.jobId, record);
    if (record.report !== null) return this.report(record, record.report) ? 0 : CHECK_IN_MS;
    this.working = { record, endsAt: 0, step: null, expiresAt: null };
    return 0;
  }

  /** Gate first, then check; acting takes its time and keeps the lease; the end is read back. */
  private work(working: Working): number {
    const { record } = working;
    try {
      if (working.step === null) return this.begin(working);
      const left = working.endsAt - this.ports.now();
      if (left > 0) return this.renew(working, left);
      return this.end(record, this.act(working, working.step));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const outcome = error instanceof Refusal ? Outcome.REFUSED : Outcome.FAILED;
      return this.end(record, { outcome, code: error.code, result: null });
    }
  }

  private begin(working: Working): number {
    const { record } = working;
    const { step, expiresAt } = this.passGate(record.job);
    Object.assign(working, { step, expiresAt });
    const done = this.mac.check(step, expiresAt);
    if (done !== null) return this.end(record, succeeded(done));
    record.phase = 'acting';
    working.endsAt = this.ports.now() + this.ports.takes(step.kind);
    return Math.min(RENEW_MS, working.endsAt - this.ports.now());
  }

  private passGate({ bytes, kind, stepIndex }: LeasedJob): { step: PlanStep; expiresAt: string | null } {
    const plan = parsePlan(Buffer.from(bytes ?? []).toString('utf8'));
    const { step, grant } = authorize(plan, stepIndex, kind, {
      hostUuid: this.mac.hardwareUuid,
      fleetId: FLEET_ID,
      hostId: this.hostId,
      simulated: true,
      highestGeneration: this.disk.highestGeneration,
      verify: this.ports.verify,
      now: this.ports.gateTime(this),
      storedBootArgs: this.mac.nvram,
    });
    this.disk.highestGeneration = Math.max(this.disk.highestGeneration, plan.generation);
    if (step.kind === 'place_kit' || step.kind === 'set_boot_args')
      this.ports.onLower(this, step.kind, step.quota, plan.grant?.payload ?? null);
    return { step, expiresAt: grant?.expiresAt ?? null };
  }

  private renew({ record }: Working, left: number): number {
    if (!this.ports.wire.renew(this, this.session?.number ?? 0n, record.job)) {
      this.working = null;
      return CHECK_IN_MS;
    }
    return Math.min(RENEW_MS, left);
  }

  private act({ record, expiresAt }: Working, step: PlanStep): Report {
    const failure = this.ports.fails(this, step.kind);
    if (failure !== null) throw new AgentError(failure as 'KC_LINKING', 'as the run wants it');
    if (!this.mac.act(step, expiresAt))
      throw new AgentError('PLAN_OUTDATED', 'the Mac is not what the plan takes it for');
    record.phase = 'acted';
    return succeeded(this.mac.check(step, expiresAt));
  }

  private end(record: Journaled, report: Report): number {
    record.phase = 'reported';
    record.report = report;
    this.working = null;
    return this.report(record, report) ? 0 : CHECK_IN_MS;
  }

  /** true = taken. A report that only its lease outdated stays in the journal and goes out under the next one. */
  private report(record: Journaled, { outcome, code, result }: Report): boolean {
    const { jobId, leaseNumber, generation } = record.job;
    const text = JSON.stringify(this.mac.facts());
    const request = FinishRequest.fromPartial({
      position: this.position(),
      ...{ jobId, leaseNumber, generation: BigInt(generation ?? 0), outcome, errorCode: code },
      errorDetail: code,
      resultJson: result === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(result)),
      factsJson: this.ports.wire.factsBytes(this.mac, text),
    });
    const reply = this.ports.wire.finish(this, request);
    this.sent = reply.accepted ? text : '';
    if (reply.accepted || reply.code !== 'FINISH_STALE_LEASE') this.disk.journal.delete(jobId);
    return reply.accepted;
  }

  private position(): Position {
    if (this.session === null) throw new Problem('NOT_READY', 'no session');
    this.session.sequence += 1n;
    return {
      sessionNumber: this.session.number,
      bootOrdinal: this.disk.bootOrdinal,
      sequence: this.session.sequence,
    };
  }
}

function succeeded(result: unknown): Report {
  return { outcome: Outcome.SUCCEEDED, code: '', result };
}
