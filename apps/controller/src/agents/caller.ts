/**
 * Who calls: the certificate says it and the database agrees. It is asked at every call whether certificate and host still count and
 * which session is the present one, so that a revocation, an expiry or a newer session holds at the very next call: the handshake of
 * a connection, which looks at the expiry too, may be long ago.
 */
import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '../common/clock.ts';
import { Problem } from '../common/problem.ts';
import { CallBatch, type CallResult } from '../db/call-batch.ts';
import { Database } from '../db/database.ts';
import type { CallLimit } from './call-limit.ts';

export interface Caller {
  readonly hostId: string;
  readonly hardwareUuid: string;
  /** Certificate's serial, lower-case hex. */
  readonly serial: string;
  /** Address that the call came from; for people, never for a decision. */
  readonly address: string;
  /** The host's present session; 0 before its first. */
  readonly sessionNumber: bigint;
}

export type AnyCall = Pick<
  ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown> | ServerWritableStream<unknown, unknown>,
  'getAuthContext' | 'getPeer'
>;

interface Identity {
  readonly fleetId: string;
  readonly hostId: string;
  readonly serial: string;
}

interface AdmissionRow {
  readonly serial: string;
  readonly hostId: string;
  readonly hardwareUuid: string;
  readonly retired: boolean;
  readonly revoked: boolean;
  readonly expired: boolean;
  readonly sessionNumber: string;
}

const SAN = /^URI:spiffe:\/\/([0-9a-f-]{36})\/host\/([0-9a-f-]{36})$/;

/** $1 serials, $2 now. */
const ADMIT = {
  name: 'admit',
  text: `
  SELECT c.serial, c.host_id AS "hostId", h.hardware_uuid AS "hardwareUuid", h.retired_at IS NOT NULL AS retired,
    c.revoked_at IS NOT NULL AS revoked, c.not_after <= $2::timestamptz AS expired, r.session_number AS "sessionNumber"
  FROM certificate c JOIN host h ON h.id = c.host_id JOIN host_report r ON r.host_id = h.id
  WHERE c.serial = ANY($1::text[])`,
} as const;

export class Admission {
  private readonly rows = new CallBatch<string, AdmissionRow | null>((serials) => this.read(serials), {
    keyOf: (serial) => serial,
  });

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly calls: CallLimit,
  ) {}

  /** A call that is too much for its Mac is refused before anything is asked; `weight` is that of what it sent. */
  async admit(call: AnyCall, weight = 0): Promise<Caller> {
    const identity = readIdentity(call);
    if (!this.calls.take(identity.hostId, weight)) throw await this.calls.refusal(identity.hostId);
    if (identity.fleetId !== this.database.fleetId)
      throw new Problem('UNAUTHENTICATED', `expected fleet ${this.database.fleetId}, seen ${identity.fleetId}`);
    const row = await this.rows.add(identity.serial);
    if (row === null || row.hostId !== identity.hostId || row.retired)
      throw new Problem('HOST_UNKNOWN', `host ${identity.hostId} is not enrolled with certificate ${identity.serial}`);
    if (row.revoked) throw revoked(identity.serial);
    if (row.expired) throw expired(identity.serial);
    const { hostId, hardwareUuid, sessionNumber } = row;
    const address = call.getPeer().replace(/:\d+$/, '');
    return { hostId, hardwareUuid, serial: identity.serial, address, sessionNumber: BigInt(sessionNumber) };
  }

  private async read(serials: readonly string[]): Promise<readonly CallResult<AdmissionRow | null>[]> {
    const { rows } = await this.database.pool.query<AdmissionRow>({ ...ADMIT, values: [serials, this.clock.now()] });
    const known = new Map(rows.map((row) => [row.serial, row]));
    return serials.map((serial) => ({ reply: known.get(serial) ?? null }));
  }
}

/** The call comes from the host's present session, or is refused. */
export function requireSession(caller: Caller, sessionNumber: bigint): void {
  if (caller.sessionNumber !== sessionNumber)
    throw new Problem(
      'SESSION_FENCED',
      `host ${caller.hostId}: expected session ${caller.sessionNumber}, seen ${sessionNumber}`,
    );
}

export function revoked(serial: string): Problem {
  return new Problem('CERTIFICATE_REVOKED', `certificate ${serial} was revoked`);
}

export function expired(serial: string): Problem {
  return new Problem('CERTIFICATE_EXPIRED', `certificate ${serial} has expired`);
}

function readIdentity(call: AnyCall): Identity {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const match = SAN.exec(certificate?.subjectaltname ?? '');
  const [, fleetId, hostId] = match ?? [];
  if (certificate === undefined || fleetId === undefined || hostId === undefined)
    throw new Problem('UNAUTHENTICATED', 'expected a client certificate that names a host of this fleet');
  return { fleetId, hostId, serial: certificate.serialNumber.toLowerCase() };
}
