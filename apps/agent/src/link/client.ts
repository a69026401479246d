/**
 * Calls to the controller over one mTLS connection, as promises with a deadline. The server must show a certificate of the pinned
 * CA for the name that was dialled.
 */
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  AgentServiceClient,
  type CheckInReply,
  type CheckInRequest,
  type FinishReply,
  type FinishRequest,
  type Job,
  type KdkChunk,
  type Nudge,
  type OpenSessionReply,
  type OpenSessionRequest,
  type RenewCertificateReply,
  type RenewCertificateRequest,
  type RenewReply,
  type RenewRequest,
} from '@headroom/proto';
import type { Credentials } from '../state/identity.ts';
import { controllerError } from './controller-error.ts';

const DEADLINE_MS = 20_000;
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

export interface Controller {
  /** Begins to connect, so that the first call finds a connection, or one that is under way. */
  connect(): void;
  openSession(request: OpenSessionRequest): Promise<OpenSessionReply>;
  checkIn(request: CheckInRequest): Promise<CheckInReply>;
  lease(sessionNumber: bigint): Promise<Job | undefined>;
  renew(request: RenewRequest): Promise<RenewReply>;
  finish(request: FinishRequest): Promise<FinishReply>;
  nudges(sessionNumber: bigint, signal: AbortSignal): AsyncIterable<Nudge>;
  fetchKdk(sha256: string, offset: number, signal: AbortSignal): AsyncIterable<KdkChunk>;
  renewCertificate(request: RenewCertificateRequest): Promise<RenewCertificateReply>;
  /** Calls from now on show this certificate; those under way end as they began. */
  useCertificate(certificatePem: string): void;
  close(): void;
}

const OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 500,
  'grpc.max_reconnect_backoff_ms': 30_000,
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
};

export function connectController({ identity, keyPem, certificatePem }: Credentials): Controller {
  const pem = (text: string): Buffer => Buffer.from(text);
  const dial = (certificate: string): AgentServiceClient => {
    const channel = credentials.createSsl(pem(identity.caPem), pem(keyPem), pem(certificate));
    return new AgentServiceClient(targetOf(identity.agentUrl), channel, OPTIONS);
  };
  let client = dial(certificatePem);
  return {
    connect: () => void client.getChannel().getConnectivityState(true),
    openSession: (request) => unary('OpenSession', (done) => client.openSession(request, new Metadata(), soon(), done)),
    checkIn: (request) => unary('CheckIn', (done) => client.checkIn(request, new Metadata(), soon(), done)),
    lease: async (sessionNumber) =>
      (
        await unary<{ job: Job | undefined }>('Lease', (done) =>
          client.lease({ sessionNumber }, new Metadata(), soon(), done),
        )
      ).job,
    renew: (request) => unary('Renew', (done) => client.renew(request, new Metadata(), soon(), done)),
    finish: (request) => unary('Finish', (done) => client.finish(request, new Metadata(), soon(), done)),
    nudges: (sessionNumber, signal) => stream('Nudges', client.nudges({ sessionNumber }), signal),
    fetchKdk: (sha256, offset, signal) =>
      stream('FetchKdk', client.fetchKdk({ sha256, offset: BigInt(offset) }), signal),
    renewCertificate: (request) =>
      unary('RenewCertificate', (done) => client.renewCertificate(request, new Metadata(), soon(), done)),
    useCertificate(certificate) {
      const before = client;
      client = dial(certificate);
      before.close();
    },
    close: () => client.close(),
  };
}

const soon = (): { deadline: number } => ({ deadline: Date.now() + DEADLINE_MS });

/** `https://name:port` as enrolment gave it; gRPC wants `name:port`. */
export function targetOf(agentUrl: string): string {
  const url = new URL(agentUrl.includes('://') ? agentUrl : `https://${agentUrl}`);
  if (url.protocol !== 'https:' || url.hostname === '')
    throw new Error(`Agent URL ${agentUrl}: expected https://name:port`);
  return `${url.hostname}:${url.port || '443'}`;
}

function unary<T>(method: string, call: (done: (error: ServiceError | null, reply: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, reply) => (error === null ? resolve(reply) : reject(controllerError(method, error))));
  });
}

type Cancellable<T> = AsyncIterable<T> & { cancel(): void; on(event: 'error', listener: () => void): unknown };

/** A stream that ends with the signal; leaving the loop early cancels the call. */
async function* stream<T>(method: string, call: Cancellable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const cancel = (): void => call.cancel();
  // The loop below reports errors; this keeps one that comes after it was left from ending the process.
  call.on('error', () => {});
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (!signal.aborted) yield* call;
  } catch (error) {
    throw controllerError(method, error);
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}
