/** Lease: the host's one open job, if it may be done now. The plan goes out as the bytes that were stored. */
import type { LeaseReply, LeaseRequest } from '@headroom/proto';
import type { ControllerConfig } from '../../config/config.ts';
import { JobStore } from '../../jobs/job-store.ts';
import { type Caller, requireSession } from '../caller.ts';

export class LeaseHandler {
  constructor(
    private readonly config: Pick<ControllerConfig, 'leaseTtlMs'>,
    private readonly jobs: JobStore,
  ) {}

  async handle(caller: Caller, { sessionNumber }: LeaseRequest): Promise<LeaseReply> {
    requireSession(caller, sessionNumber);
    const job = await this.jobs.lease(caller.hostId, sessionNumber);
    if (job === null) return { job: undefined };
    const { jobId, kind, leaseNumber, stepIndex, generation, bytes, signature } = job;
    return {
      job: {
        jobId,
        kind,
        leaseNumber,
        leaseTtlMs: this.config.leaseTtlMs,
        generation: BigInt(generation ?? 0),
        stepIndex,
        plan: bytes ?? Buffer.alloc(0),
        planSignature: signature ?? Buffer.alloc(0),
      },
    };
  }
}
