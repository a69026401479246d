/** Finish: the one end of a job. Old news is declined with a code and does no harm. */
import type { FinishReply, FinishRequest } from '@headroom/proto';
import { FinishJob } from '../../jobs/finish-job.ts';
import { JobStore } from '../../jobs/job-store.ts';
import { type Caller, requireSession } from '../caller.ts';
import { readPosition } from '../read-position.ts';

export class FinishHandler {
  constructor(
    private readonly finishJob: FinishJob,
    private readonly jobs: JobStore,
  ) {}

  async handle(caller: Caller, request: FinishRequest): Promise<FinishReply> {
    const position = readPosition(request.position);
    requireSession(caller, position.sessionNumber);
    const result = await this.finishJob.finish(caller, position, request);
    const workAvailable = await this.jobs.workAvailable(caller.hostId, position.sessionNumber);
    return { accepted: result.accepted, code: result.accepted ? '' : result.code, workAvailable };
  }
}
