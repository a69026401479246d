/**
 * The listener that new Macs speak to: HTTPS with a token instead of a client certificate, one route, small bodies,
 * short timeouts. It answers with a certificate, or with a problem of the catalogue.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ErrorCode } from '@headroom/core';
import { Clock } from '../common/clock.ts';
import { FailureLimit } from '../common/failure-limit.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import type { ControllerConfig } from '../config/config.ts';
import { Database } from '../db/database.ts';
import { problemOf } from '../db/problem-of.ts';
import { KeyStore } from '../keys/key-store.ts';
import { readEnrolRequest } from './enrol-request.ts';
import { Enrolment } from './enrolment.ts';
import { readJsonBody, sendJson, sendProblem } from './json-http.ts';

const TIMEOUT_MS = 15_000;
const CONNECTIONS_MAX = 256;
/** Of one address, a minute. Successes are bounded by the uses of a token. */
const FAILURES_MAX = 30;

/** Not held against the source: it would never get out again. */
const OURS: readonly ErrorCode[] = ['NOT_READY', 'RATE_LIMITED'];

const log = logger('enrol');

/** Answer to a Mac that may join. */
export interface EnrolReply {
  readonly hostId: string;
  readonly fleetId: string;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly agentUrl: string;
  readonly grantKeys: readonly { readonly keyId: string; readonly publicKeyPem: string }[];
  readonly simulation: boolean;
}

export class EnrolmentServer {
  private readonly failures = new FailureLimit(FAILURES_MAX);
  private server: Server | null = null;
  private stopRenewing: (() => void) | null = null;
  private agentUrl = '';

  constructor(
    private readonly config: Pick<
      ControllerConfig,
      'listenHost' | 'publicHost' | 'agentUrl' | 'enrolPort' | 'simulation'
    >,
    private readonly database: Database,
    private readonly keys: KeyStore,
    private readonly enrolment: Enrolment,
    private readonly clock: Clock,
  ) {}

  /** `agentPort` is the real port of the agents' listener, which starts first: Macs are told it. */
  async start(agentPort: number): Promise<{ readonly port: number }> {
    this.agentUrl = this.config.agentUrl ?? `https://${this.config.publicHost}:${agentPort}`;
    const options = {
      ...this.tls(),
      minVersion: 'TLSv1.2',
      handshakeTimeout: TIMEOUT_MS,
    } as const;
    const server = createServer(options, (request, response) => {
      void this.answer(request, response);
    });
    server.requestTimeout = TIMEOUT_MS;
    server.headersTimeout = TIMEOUT_MS;
    server.keepAliveTimeout = 1000;
    server.maxConnections = CONNECTIONS_MAX;
    server.maxHeadersCount = 50;
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
      // Each agent looks at the certificate first, and hangs up: that refuses nothing.
      if (error.code !== 'ECONNRESET') log(`TLS refused: ${error.message}`);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.config.enrolPort, this.config.listenHost, resolve);
    });
    this.server = server;
    this.stopRenewing = this.keys.onTlsRenewed(() => server.setSecureContext(this.tls()));
    return { port: (server.address() as AddressInfo).port };
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    this.stopRenewing?.();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await closed;
  }

  private tls(): { readonly key: string; readonly cert: string } {
    const { privateKeyPem, chainPem } = this.keys.tls;
    return { key: privateKeyPem, cert: chainPem };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const source = request.socket.remoteAddress ?? 'unknown';
    const now = this.clock.now().getTime();
    try {
      if (!this.failures.allows(source, now))
        throw new Problem('RATE_LIMITED', 'too many failed enrolments from this address');
      sendJson(response, 200, await this.enrol(request));
    } catch (error) {
      this.note(source, now, error);
      sendProblem(response, error);
    }
  }

  /** Our own failures are not held against the source. */
  private note(source: string, now: number, error: unknown): void {
    const problem = problemOf(error);
    if (problem === null) log(`${source}: ${error instanceof Error ? error.stack : String(error)}`);
    else if (!OURS.includes(problem.code)) {
      this.failures.failed(source, now);
      log(`${source}: ${problem.message}`);
    }
  }

  private async enrol(request: IncomingMessage): Promise<EnrolReply> {
    if (request.method !== 'POST' || request.url !== '/enrol')
      throw new Problem('NOT_FOUND', 'this listener knows POST /enrol only');
    const { hostId, certificatePem } = await this.enrolment.enrol(readEnrolRequest(await readJsonBody(request)));
    const { keyId, publicKeyPem, previousKeys, retirements } = this.keys.grantKey;
    const live = previousKeys.filter((key) => !retirements.some((one) => one.keyId === key.keyId));
    return {
      hostId,
      fleetId: this.database.fleetId,
      certificatePem,
      caPem: this.keys.caPem,
      agentUrl: this.agentUrl,
      grantKeys: [...live, { keyId, publicKeyPem }],
      simulation: this.config.simulation,
    };
  }
}
