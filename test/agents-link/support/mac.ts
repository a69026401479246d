/** A Mac as the controller sees it: its key, its enrolment, and the calls of the wire as promises. */
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign, X509Certificate } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { emptyFacts, type Facts } from '@headroom/core';
import {
  AgentServiceClient,
  type CheckInReply,
  type FinishReply,
  FinishRequest,
  type LeaseReply,
  type OpenSessionReply,
  Outcome,
  type RenewReply,
} from '@headroom/proto';
import type { TestController } from './controller.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Record<string, unknown>;
}

export class MacKey {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    this.publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  enrolBody(tokenText: string, hostUuid: string): Record<string, unknown> {
    const [id = '', secret = ''] = tokenText.split('.');
    const signed = `headroom-enrol-1|${id}|${hostUuid}|${this.publicKeyPem}`;
    return {
      token: `${id}.${secret}`,
      hostUuid,
      serial: 'C02TEST',
      model: 'Mac14,3',
      publicKeyPem: this.publicKeyPem,
      proof: sign('sha256', Buffer.from(signed), this.privateKeyPem).toString('base64'),
      agentVersion: '0.1.0',
      simulated: true,
    };
  }
}

export function postEnrol(controller: TestController, body: unknown, path = '/enrol'): Promise<HttpAnswer> {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const options = {
      host: 'localhost',
      port: controller.enrolPort,
      path,
      method: 'POST',
      ca: controller.keys.caPem,
      headers: { 'content-type': 'application/json', 'content-length': bytes.length },
      agent: false as const,
    };
    const request = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>,
        }),
      );
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

export async function newToken(controller: TestController, uses = 1, lastsMs = 600_000): Promise<string> {
  const expiresAt = new Date(controller.clock.now().getTime() + lastsMs);
  const { text } = await controller.tokens.create({ labels: ['lab'], uses, expiresAt, actor: 'token:test' });
  return text;
}

export function dial(
  controller: TestController,
  identity: { key: string; certificate: string } | null,
): AgentServiceClient {
  const ca = Buffer.from(controller.keys.caPem);
  const credentials =
    identity === null
      ? ChannelCredentials.createSsl(ca)
      : ChannelCredentials.createSsl(ca, Buffer.from(identity.key), Buffer.from(identity.certificate));
  return new AgentServiceClient(`localhost:${controller.agentPort}`, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': 4 * 1024 * 1024,
  });
}

export class Mac {
  readonly bootSessionId = randomUUID().toUpperCase();
  session = 0n;
  private sequence = 0n;

  private constructor(
    readonly hostUuid: string,
    readonly hostId: string,
    readonly client: AgentServiceClient,
    readonly keyPem: string,
    readonly certificatePem: string,
  ) {}

  static async enrol(controller: TestController, hostUuid = randomUUID().toUpperCase()): Promise<Mac> {
    const key = new MacKey();
    const answer = await postEnrol(controller, key.enrolBody(await newToken(controller), hostUuid));
    if (answer.status !== 200) throw new Error(`enrolment failed: ${JSON.stringify(answer.body)}`);
    const certificate = String(answer.body['certificatePem']);
    const client = dial(controller, { key: key.privateKeyPem, certificate });
    return new Mac(hostUuid, String(answer.body['hostId']), client, key.privateKeyPem, certificate);
  }

  /** The same identity used a second time: what a clone, or the agent after a restart, does. */
  twin(): Mac {
    return new Mac(this.hostUuid, this.hostId, this.client, this.keyPem, this.certificatePem);
  }

  get serial(): string {
    return new X509Certificate(this.certificatePem).serialNumber.toLowerCase();
  }

  /** Asks for the next certificate, for the key given; `signed` = what the proof is made over. */
  async renewCertificate(key = this.keyPem, signed?: string): Promise<Mac> {
    const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
    const text = signed ?? ['headroom-renew-1', this.hostId, this.serial, publicKeyPem].join('|');
    const request = { publicKeyPem, proof: sign('sha256', Buffer.from(text), key) };
    const { certificatePem } = await call<{ certificatePem: string }>((done) =>
      this.client.renewCertificate(request, done),
    );
    return new Mac(this.hostUuid, this.hostId, this.client, key, certificatePem);
  }

  /** The same Mac over a connection that shows its present certificate. */
  redial(controller: TestController): Mac {
    const client = dial(controller, { key: this.keyPem, certificate: this.certificatePem });
    return new Mac(this.hostUuid, this.hostId, client, this.keyPem, this.certificatePem);
  }

  async openSession(
    highestGeneration = 0n,
    hostUuid = this.hostUuid,
    capabilities: string[] = [],
    /** 0 = as an agent of the first release, which does not say. */
    highestSession = 0n,
  ): Promise<OpenSessionReply> {
    const { bootSessionId } = this;
    const request = {
      agentVersion: '0.1.0',
      capabilities,
      hostUuid,
      bootSessionId,
      bootOrdinal: 1,
      highestGeneration,
      highestSession,
    };
    const reply = await call<OpenSessionReply>((done) => this.client.openSession(request, done));
    this.session = reply.sessionNumber;
    this.sequence = 0n;
    return reply;
  }

  position(sequence = ++this.sequence, bootOrdinal = 1) {
    return { sessionNumber: this.session, bootOrdinal, sequence };
  }

  checkIn(
    facts: Facts | null,
    position = this.position(),
    sha256?: string,
    grantKeyId?: string,
    retiredGrantKeyIds: string[] = [],
  ): Promise<CheckInReply> {
    const factsJson = facts === null ? Buffer.alloc(0) : factsBytes(facts);
    const factsSha256 = sha256 ?? (facts === null ? '' : sha256Hex(factsJson));
    return call((done) =>
      this.client.checkIn({ position, factsJson, factsSha256, grantKeyId, retiredGrantKeyIds }, done),
    );
  }

  lease(): Promise<LeaseReply> {
    return call((done) => this.client.lease({ sessionNumber: this.session }, done));
  }

  renew(jobId: string, leaseNumber: number, progress = ''): Promise<RenewReply> {
    const { session: sessionNumber } = this;
    return call((done) => this.client.renew({ sessionNumber, jobId, leaseNumber, progress }, done));
  }

  finish(report: Partial<FinishRequest>): Promise<FinishReply> {
    const request = FinishRequest.fromPartial({ outcome: Outcome.SUCCEEDED, position: this.position(), ...report });
    return call((done) => this.client.finish(request, done));
  }

  facts(change: Partial<Facts> = {}): Facts {
    const empty = emptyFacts('not read in this test');
    return { ...empty, hardware: { ...empty.hardware, uuid: this.hostUuid }, ...change };
  }
}

export function factsBytes(facts: Facts): Buffer {
  return Buffer.from(JSON.stringify(facts));
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The catalogue code of a failed call. */
export function codeOf(error: unknown): string {
  return String((error as ServiceError).metadata?.get('headroom-code')[0] ?? `no code: ${String(error)}`);
}

/** The code that a call was refused with; `accepted` when it was not. */
export function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'accepted', codeOf);
}

function call<Reply>(start: (done: (error: ServiceError | null, reply: Reply) => void) => void): Promise<Reply> {
  return new Promise((resolve, reject) => start((error, reply) => (error === null ? resolve(reply) : reject(error))));
}
