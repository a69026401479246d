/** The wire between agents and controller: what is sent may be lost, answered into nothing, arrive late, or arrive twice. */
import { createHash } from 'node:crypto';
import type { FinishRequest } from '@headroom/proto';
import { type ReceivedFacts, readFacts } from '../../apps/controller/src/agents/facts-input.ts';
import type { Position } from '../../apps/controller/src/agents/report-change.ts';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import type { FinishResult } from '../../apps/controller/src/jobs/finish-job.ts';
import type { LeasedJob } from '../../apps/controller/src/jobs/job-store.ts';
import type { CheckInAnswer, ModelJobs, SessionOrder } from './model-jobs.ts';
import type { SimAgent } from './sim-agent.ts';
import type { SimMac } from './sim-mac.ts';
import type { Watch } from './watch.ts';

export type Fate = 'arrives' | 'lost' | 'answer lost' | 'late' | 'twice';

export interface WirePorts {
  readonly jobs: () => ModelJobs;
  readonly watch: Watch;
  readonly now: () => number;
  readonly leaseTtlMs: number;
  readonly reachable: (agent: SimAgent) => boolean;
  readonly fate: () => Fate;
  /** Some time later, when the controller is up. */
  readonly later: (run: () => void) => void;
  readonly note: (text: string) => void;
}

export class Wire {
  constructor(private readonly ports: WirePorts) {}

  openSession(agent: SimAgent, order: SessionOrder): bigint {
    const session = this.call(agent, 'session', () => this.ports.jobs().openSession(agent.hostId, order));
    this.ports.watch.onSession(agent.hostId, session);
    return session;
  }

  checkIn(agent: SimAgent, position: Position, sent: Buffer | null, bytes: Buffer): CheckInAnswer {
    const { hostId, mac } = agent;
    const received: ReceivedFacts | null = sent === null ? null : readFacts(sent, mac.hardwareUuid);
    return this.call(agent, 'check-in', () => this.ports.jobs().checkIn(hostId, position, received, sha256(bytes)));
  }

  lease(agent: SimAgent, session: bigint): LeasedJob | null {
    return this.call(agent, 'lease', () => {
      const job = this.ports.jobs().lease(agent.hostId, session);
      if (job !== null) this.ports.watch.onLease(session, job, this.ports.now(), this.ports.leaseTtlMs);
      this.ports.note(`${agent.name} leases ${job === null ? 'nothing' : `${job.kind} under ${job.leaseNumber}`}`);
      return job;
    });
  }

  /** Trouble with a renewal ends nothing: the lease may run out, that is all. */
  renew(agent: SimAgent, sessionNumber: bigint, { jobId, leaseNumber }: LeasedJob): boolean {
    const order = { hostId: agent.hostId, sessionNumber, jobId, leaseNumber, progress: '' };
    try {
      return this.call(agent, 'renew', () => {
        const isKept = this.ports.jobs().renew(order);
        if (isKept) this.ports.watch.onRenew(jobId, leaseNumber, this.ports.now(), this.ports.leaseTtlMs);
        return isKept;
      });
    } catch (error) {
      if (error instanceof Problem) return true;
      throw error;
    }
  }

  finish(agent: SimAgent, request: FinishRequest): FinishResult {
    const { position } = request;
    if (position === undefined) throw new Error('a finish has a position');
    return this.call(agent, 'finish', () => {
      const result = this.ports.jobs().finish(agent.hostId, position, request);
      if (result.accepted) this.ports.watch.onFinish(request.jobId, request.leaseNumber);
      this.ports.note(
        `${agent.name} finishes ${request.jobId.slice(-4)} (${request.errorCode || 'well'}): ${answerOf(result)}`,
      );
      return result;
    });
  }

  /** Facts as they are sent; the books remember what was true on the Mac then. */
  factsBytes(mac: SimMac, text: string): Buffer {
    const bytes = Buffer.from(text);
    this.ports.watch.onReading(mac, sha256(bytes));
    return bytes;
  }

  private call<T>(agent: SimAgent, name: string, run: () => T): T {
    const fate = this.ports.fate();
    if (fate !== 'arrives') this.ports.note(`${agent.name}: ${name} ${fate}`);
    if (!this.ports.reachable(agent) || fate === 'lost') throw unreachable();
    if (fate === 'late') {
      this.again(run);
      throw unreachable();
    }
    const answer = run();
    if (fate === 'answer lost') throw unreachable();
    if (fate === 'twice') this.again(run);
    return answer;
  }

  private again(run: () => unknown): void {
    this.ports.later(() => {
      try {
        run();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
      }
    });
  }
}

function unreachable(): Problem {
  return new Problem('NOT_READY', 'no answer');
}

function answerOf(result: FinishResult): string {
  return result.accepted ? 'taken' : result.code;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
