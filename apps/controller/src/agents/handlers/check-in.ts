/** CheckIn: "I am here", with facts only when they changed. A report older than one taken is dropped, with a plain answer. */
import type { CheckInReply, CheckInRequest } from '@headroom/proto';
import { ControllerBus } from '../../bus/bus.ts';
import { Problem } from '../../common/problem.ts';
import type { ControllerConfig } from '../../config/config.ts';
import { JobStore } from '../../jobs/job-store.ts';
import type { GrantKey } from '../../keys/grant-key.ts';
import { type Caller, requireSession } from '../caller.ts';
import { type ReceivedFacts, readFacts } from '../facts-input.ts';
import { retirementsFor, rotationsFor } from '../grant-rotations.ts';
import { readPosition } from '../read-position.ts';
import { ReportStore } from '../report-store.ts';
import { ToldKeys } from '../told-keys.ts';
import { VisitNotices } from '../visit-notices.ts';

/** Somebody waits until the last guest is gone. */
const DRAIN_CHECK_IN_MS = 10_000;

export class CheckInHandler {
  constructor(
    private readonly config: Pick<ControllerConfig, 'checkInMs'>,
    private readonly reports: ReportStore,
    private readonly jobs: JobStore,
    private readonly bus: ControllerBus,
    private readonly grantKey: GrantKey,
    private readonly notices: VisitNotices,
    private readonly toldKeys: ToldKeys,
  ) {}

  async handle(caller: Caller, request: CheckInRequest): Promise<CheckInReply> {
    const position = readPosition(request.position);
    requireSession(caller, position.sessionNumber);
    const { hostId } = caller;
    const facts = request.factsJson.length === 0 ? null : readSentFacts(caller, request);
    const { factsSha256, due } =
      facts === null ? await this.reports.touch(hostId, position) : await this.reports.take(hostId, position, facts);
    if (due) this.bus.publish({ kind: 'due', hostId });
    await this.toldKeys.note(hostId, request);
    const visit = await this.notices.of(hostId);
    return {
      workAvailable: await this.jobs.workAvailable(hostId, position.sessionNumber),
      factsWanted: facts === null && request.factsSha256.toLowerCase() !== factsSha256,
      checkInMs: visit === undefined ? this.config.checkInMs : Math.min(this.config.checkInMs, DRAIN_CHECK_IN_MS),
      visit,
      grantKeyRotations: rotationsOf(this.grantKey, request),
      grantKeyRetirements: retirementsFor(this.grantKey, request.retiredGrantKeyIds),
    };
  }
}

/** An agent that does not name its key is an older one, and could not read the answer. */
function rotationsOf(grantKey: GrantKey, { grantKeyId }: CheckInRequest) {
  return grantKeyId === undefined ? [] : rotationsFor(grantKey, grantKeyId);
}

/** The name given to the facts must be theirs: later check-ins carry nothing else. */
function readSentFacts({ hardwareUuid }: Caller, { factsJson, factsSha256 }: CheckInRequest): ReceivedFacts {
  const facts = readFacts(factsJson, hardwareUuid);
  if (factsSha256.toLowerCase() !== facts.sha256) {
    const problem = `facts_sha256: expected ${facts.sha256}, seen ${factsSha256.slice(0, 64)}`;
    throw new Problem('FACTS_INVALID', problem, { problem });
  }
  return facts;
}
