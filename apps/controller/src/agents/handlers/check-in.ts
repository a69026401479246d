/** CheckIn: "I am here", with facts only when they changed. A report older than one taken is dropped, with a plain answer. */
import type { CheckInReply, CheckInRequest } from '@headroom/proto';
import { ControllerBus } from '../../bus/bus.ts';
import { Clock } from '../../common/clock.ts';
import { Problem } from '../../common/problem.ts';
import type { ControllerConfig } from '../../config/config.ts';
import { Database } from '../../db/database.ts';
import { markDue } from '../../db/host-events.ts';
import { JobStore } from '../../jobs/job-store.ts';
import type { GrantKey } from '../../keys/grant-key.ts';
import { type Caller, requireSession } from '../caller.ts';
import { type ReceivedFacts, readFacts } from '../facts-input.ts';
import { rotationsFor } from '../grant-rotations.ts';
import { lockHost } from '../host-lock.ts';
import { readPosition } from '../read-position.ts';
import { type Position, ReportStore } from '../report-store.ts';

export class CheckInHandler {
  constructor(
    private readonly config: Pick<ControllerConfig, 'checkInMs'>,
    private readonly database: Database,
    private readonly reports: ReportStore,
    private readonly jobs: JobStore,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
    private readonly grantKey: GrantKey,
  ) {}

  async handle(caller: Caller, request: CheckInRequest): Promise<CheckInReply> {
    const position = readPosition(request.position);
    requireSession(caller, position.sessionNumber);
    const { hostId } = caller;
    const facts = request.factsJson.length === 0 ? null : readSentFacts(caller, request);
    const { factsSha256, due } =
      facts === null ? await this.reports.touch(hostId, position) : await this.take(hostId, position, facts);
    if (due) this.bus.publish({ kind: 'due', hostId });
    return {
      workAvailable: await this.jobs.workAvailable(hostId, position.sessionNumber),
      factsWanted: facts === null && request.factsSha256.toLowerCase() !== factsSha256,
      checkInMs: this.config.checkInMs,
      grantKeyRotations: rotationsOf(this.grantKey, request),
    };
  }

  private take(hostId: string, position: Position, facts: ReceivedFacts) {
    return this.database.transaction(async (tx) => {
      const report = await lockHost(tx, hostId);
      if (report === null) throw new Problem('HOST_UNKNOWN', `host ${hostId} is not enrolled`);
      if (report.sessionNumber !== position.sessionNumber)
        throw new Problem('SESSION_FENCED', `expected session ${report.sessionNumber}, seen ${position.sessionNumber}`);
      const isNewer = await this.reports.advance(tx, report, position);
      const changed = isNewer && (await this.reports.storeFacts(tx, report, facts));
      const heardAgain = isNewer && report.presence !== 'online';
      if (heardAgain) await markDue(tx, [hostId], this.clock.now());
      return { factsSha256: changed ? facts.sha256 : report.factsSha256, due: changed || heardAgain };
    });
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
