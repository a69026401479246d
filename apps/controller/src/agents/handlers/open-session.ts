/** OpenSession: the Mac must be the one that enrolled; older sessions of it are fenced. */
import { JOB_KINDS } from '@headroom/core';
import type { OpenSessionReply, OpenSessionRequest } from '@headroom/proto';
import { ControllerBus } from '../../bus/bus.ts';
import { isUuid } from '../../common/ids.ts';
import { Problem } from '../../common/problem.ts';
import type { ControllerConfig } from '../../config/config.ts';
import { Database } from '../../db/database.ts';
import type { GrantKey } from '../../keys/grant-key.ts';
import type { Caller } from '../caller.ts';
import { CloneWatch } from '../clone-watch.ts';
import { retirementsFor, rotationsFor } from '../grant-rotations.ts';
import { HostCertificates } from '../host-certificates.ts';
import { LiveStreams } from '../live-streams.ts';
import { readInt4, readInt8 } from '../read-position.ts';
import { hintOf, SessionStore } from '../session-store.ts';

const CAPABILITIES_MAX = 4 * JOB_KINDS.length;

export class OpenSessionHandler {
  constructor(
    private readonly config: Pick<ControllerConfig, 'checkInMs' | 'leaseTtlMs'>,
    private readonly database: Database,
    private readonly sessions: SessionStore,
    private readonly streams: LiveStreams,
    private readonly bus: ControllerBus,
    private readonly clones: CloneWatch,
    private readonly grantKey: GrantKey,
    private readonly certificates: HostCertificates,
  ) {}

  async handle(caller: Caller, request: OpenSessionRequest): Promise<OpenSessionReply> {
    const { hostId } = caller;
    checkRequest(request);
    await this.requireOwnMac(caller, request);
    const { sessionNumber, due, revoked } = await this.sessions.open(caller, request);
    this.certificates.announce(revoked);
    this.streams.fence(hostId, sessionNumber);
    // The older session may have its streams on another controller.
    this.bus.publish({ kind: 'session', hostId });
    if (due) this.bus.publish({ kind: 'due', hostId });
    const { checkInMs, leaseTtlMs } = this.config;
    const grantKeyRotations = rotationsFor(this.grantKey, null);
    const grantKeyRetirements = retirementsFor(this.grantKey, []);
    const pace = { checkInMs, leaseTtlMs };
    return { sessionNumber, fleetId: this.database.fleetId, hostId, ...pace, grantKeyRotations, grantKeyRetirements };
  }

  /** A copied identity is refused, and somebody is told. */
  private async requireOwnMac(caller: Caller, request: OpenSessionRequest): Promise<void> {
    const { hostId, hardwareUuid } = caller;
    if (request.hostUuid.toUpperCase() === hardwareUuid) return;
    if (isUuid(request.hostUuid) && (await this.clones.noteOtherMac(caller, hintOf(caller, request))))
      this.bus.publish({ kind: 'due', hostId });
    throw new Problem(
      'HOST_UUID_DIFFERS',
      `host_uuid: expected ${hardwareUuid}, seen ${request.hostUuid.slice(0, 64)}`,
    );
  }
}

function checkRequest(request: OpenSessionRequest): void {
  if (request.bootSessionId !== '' && !isUuid(request.bootSessionId))
    throw new Problem('VALIDATION_FAILED', 'boot_session_id: expected a UUID');
  if (request.agentVersion.length > 64)
    throw new Problem('VALIDATION_FAILED', 'agent_version: expected at most 64 characters');
  if (request.capabilities.length > CAPABILITIES_MAX || request.capabilities.some((kind) => kind.length > 64))
    throw new Problem('VALIDATION_FAILED', `capabilities: expected at most ${CAPABILITIES_MAX} job kinds`);
  readInt4('boot_ordinal', request.bootOrdinal);
  readInt8('highest_generation', request.highestGeneration);
  readInt8('highest_session', request.highestSession);
}
