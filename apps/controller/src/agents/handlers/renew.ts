/** Renew: keeps a lease while a long step runs, and takes one line of progress for people. */
import type { RenewReply, RenewRequest } from '@headroom/proto';
import { isUuid } from '../../common/ids.ts';
import type { ControllerConfig } from '../../config/config.ts';
import { JobStore } from '../../jobs/job-store.ts';
import { type Caller, requireSession } from '../caller.ts';
import { readInt4 } from '../read-position.ts';

const PROGRESS_CHARS_MAX = 200;

export class RenewHandler {
  constructor(
    private readonly config: Pick<ControllerConfig, 'leaseTtlMs'>,
    private readonly jobs: JobStore,
  ) {}

  async handle(caller: Caller, request: RenewRequest): Promise<RenewReply> {
    const { sessionNumber, jobId } = request;
    requireSession(caller, sessionNumber);
    const leaseNumber = readInt4('lease_number', request.leaseNumber);
    const progress = request.progress.replace(/\p{Cc}/gu, ' ').slice(0, PROGRESS_CHARS_MAX);
    const stillYours =
      isUuid(jobId) && (await this.jobs.renew({ hostId: caller.hostId, sessionNumber, jobId, leaseNumber, progress }));
    return { stillYours, leaseTtlMs: this.config.leaseTtlMs };
  }
}
