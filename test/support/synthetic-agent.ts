/**
 * An agent that speaks the whole protocol and runs no command: enrols, opens a session, listens to nudges, leases and finishes
 * with canned results. Light enough for thousands in a process; moves on to the next controller when its own goes away.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelCredentials, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { JOB_KINDS, type Plan } from '@headroom/core';
import {
  AgentServiceClient,
  type CheckInReply,
  type FinishReply,
  FinishRequest,
  type Job,
  type LeaseReply,
  type Nudge,
  type OpenSessionReply,
  Outcome,
} from '@headroom/proto';
import { enrol, type SyntheticIdentity } from './synthetic-enrol.ts';
import { SyntheticMac, sha256Hex } from './synthetic-mac.ts';

/** As agents have it. */
const DEADLINE_MS = 20_000;
const RETRY_MS = 200;
const WENT_DOWN = new Error('the Mac went down');

export interface Finished {
  readonly jobId: string;
  readonly leaseNumber: number;
  readonly accepted: boolean;
  readonly code: string;
}

export class SyntheticAgent {
  /** Every finish that was answered. */
  readonly finished: Finished[] = [];
  /** Catalogue code of what ended the last session. */
  lastEnd: string | null = null;
  nudges = 0;
  /** The controller that the present session is open on. */
  connectedTo: string | null = null;
  /** A job leased under this session and not finished yet. */
  holding: string | null = null;
  /** Sessions that ended though nobody ended them. */
  broken = 0;
  /** Jobs are finished only when this has resolved: a step that takes its time. */
  mayFinish: Promise<unknown> = Promise.resolve();
  private stopped = new AbortController();
  private goDown: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private wakeUp: () => void = () => {};

  constructor(
    readonly identity: SyntheticIdentity,
    readonly mac: SyntheticMac,
  ) {}

  static async enrol(enrolUrl: string, token: string, mac = new SyntheticMac()): Promise<SyntheticAgent> {
    return new SyntheticAgent(await enrol(enrolUrl, token, mac.hostUuid), mac);
  }

  get hostId(): string {
    return this.identity.hostId;
  }

  /** Runs sessions until `stop`; the URLs are tried in turn. */
  start(agentUrls: readonly string[] = [this.identity.agentUrl]): void {
    this.stopped = new AbortController();
    this.running = this.run(agentUrls, this.stopped.signal);
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    this.wakeUp();
    await this.running;
  }

  /** Checks in now, as if it were time. */
  wake(): void {
    this.wakeUp();
  }

  /** A person's visit: the Mac goes down, and comes back raised, with a new session. */
  visit(): void {
    this.mac.raise();
    this.goDown();
  }

  private async run(agentUrls: readonly string[], signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const url = agentUrls[turn % agentUrls.length] ?? this.identity.agentUrl;
      const client = this.dial(url);
      try {
        await this.session(url, client, signal);
      } catch (error) {
        this.lastEnd = codeOf(error);
        if (error !== WENT_DOWN) this.broken += 1;
      } finally {
        this.connectedTo = null;
        this.holding = null;
        client.close();
      }
      await sleep(RETRY_MS * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
    }
  }

  /** Lives until its stream of nudges or a call breaks. */
  private async session(url: string, client: AgentServiceClient, signal: AbortSignal): Promise<void> {
    const link = new Link(client, this.mac);
    const { checkInMs } = await link.open();
    this.connectedTo = url;
    let broken: Error | null = null;
    const breakOff = (error: Error | null) => {
      broken ??= error;
      this.wakeUp();
    };
    this.goDown = () => breakOff(WENT_DOWN);
    const stream = link.nudges((error) => {
      if (error === null) this.nudges += 1;
      breakOff(error);
    });
    try {
      while (!signal.aborted && broken === null) {
        const woken = new Promise<void>((resolve) => {
          this.wakeUp = resolve;
        });
        if ((await link.checkIn()).workAvailable) await this.workThrough(link);
        await within(checkInMs, woken);
      }
      if (broken !== null) throw broken;
    } finally {
      stream.cancel();
    }
  }

  private async workThrough(link: Link): Promise<void> {
    for (let job = await link.lease(); job !== undefined; job = await link.lease()) {
      this.holding = job.jobId;
      await this.mayFinish;
      const { accepted, code } = await link.finish(job);
      this.holding = null;
      this.finished.push({ jobId: job.jobId, leaseNumber: job.leaseNumber, accepted, code });
    }
  }

  private dial(url: string): AgentServiceClient {
    const { caPem, privateKeyPem, certificatePem } = this.identity;
    const pem = (text: string) => Buffer.from(text);
    const credentials = ChannelCredentials.createSsl(pem(caPem), pem(privateKeyPem), pem(certificatePem));
    return new AgentServiceClient(new URL(url).host, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  }
}

/** The calls of one session. */
class Link {
  private session = 0n;
  private sequence = 0n;
  private sent = '';

  constructor(
    private readonly client: AgentServiceClient,
    private readonly mac: SyntheticMac,
  ) {}

  async open(): Promise<OpenSessionReply> {
    const { hostUuid, bootSessionId, bootOrdinal, highestGeneration, highestSession } = this.mac;
    const request = {
      agentVersion: '0.1.0',
      capabilities: [...JOB_KINDS],
      hostUuid,
      bootSessionId,
      bootOrdinal,
      highestGeneration,
      highestSession,
    };
    const reply = await call<OpenSessionReply>((done) => this.client.openSession(request, done));
    this.session = reply.sessionNumber;
    this.mac.highestSession = reply.sessionNumber;
    return reply;
  }

  /** Calls with null for a nudge, with the error when the stream ends. */
  nudges(heard: (error: Error | null) => void): ClientReadableStream<Nudge> {
    const stream = this.client.nudges({ sessionNumber: this.session });
    stream.on('data', () => heard(null));
    stream.on('error', (error: Error) => heard(error));
    stream.on('end', () => heard(new Error('the stream of nudges ended')));
    return stream;
  }

  /** Facts travel when they changed, or are asked for. */
  async checkIn(): Promise<CheckInReply> {
    const json = this.mac.factsJson();
    const factsSha256 = sha256Hex(json);
    const factsJson = this.sent === factsSha256 ? Buffer.alloc(0) : json;
    const position = this.position();
    const reply = await call<CheckInReply>((done) =>
      this.client.checkIn({ position, factsJson, factsSha256, retiredGrantKeyIds: [] }, done),
    );
    this.sent = reply.factsWanted ? '' : factsSha256;
    return reply.factsWanted ? this.checkIn() : reply;
  }

  async lease(): Promise<Job | undefined> {
    const { session: sessionNumber } = this;
    return (await call<LeaseReply>((done) => this.client.lease({ sessionNumber }, done))).job;
  }

  finish(job: Job): Promise<FinishReply> {
    const { jobId, leaseNumber, generation, stepIndex, plan } = job;
    const { result, errorCode } = this.mac.apply(JSON.parse(plan.toString('utf8')) as Plan, stepIndex);
    const request = FinishRequest.fromPartial({
      position: this.position(),
      jobId,
      leaseNumber,
      generation,
      outcome: errorCode === '' ? Outcome.SUCCEEDED : Outcome.FAILED,
      errorCode,
      errorDetail: errorCode,
      resultJson: Buffer.from(JSON.stringify(result)),
      factsJson: this.mac.factsJson(),
    });
    return call((done) => this.client.finish(request, done));
  }

  private position() {
    this.sequence += 1n;
    return { sessionNumber: this.session, bootOrdinal: this.mac.bootOrdinal, sequence: this.sequence };
  }
}

type Done<Reply> = (error: ServiceError | null, reply: Reply) => void;

function call<Reply>(start: (done: Done<Reply>) => { cancel(): void }): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = start((error, reply) => {
      clearTimeout(late);
      if (error === null) resolve(reply);
      else reject(error);
    });
    const late = setTimeout(() => sent.cancel(), DEADLINE_MS);
  });
}

async function within(ms: number, woken: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([woken, due]);
  clearTimeout(timer);
}

function codeOf(error: unknown): string {
  const { metadata, message } = error as ServiceError;
  return String(metadata?.get('headroom-code')[0] ?? message);
}
