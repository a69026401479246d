/**
 * The listener that agents speak to: gRPC over mutual TLS, a plain grpc-js server. A connection without a certificate of the
 * fleet's CA ends in the handshake; each call is then admitted on its own.
 */
import { experimental, Server, type ServerOptions } from '@grpc/grpc-js';
import { AgentServiceService } from '@headroom/proto';
import { ControllerBus } from '../bus/bus.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import type { ControllerConfig } from '../config/config.ts';
import { KeyStore } from '../keys/key-store.ts';
import { AgentHandlers } from './agent-handlers.ts';
import { HostCertificates } from './host-certificates.ts';
import { LiveStreams } from './live-streams.ts';
import { TlsSource } from './tls-source.ts';

const STOP_MS = 3_000;
const log = logger('agents');

const OPTIONS: ServerOptions = {
  // Facts are the largest message that an agent sends, a plan or a KDK chunk the largest that it gets.
  'grpc.max_receive_message_length': 1024 * 1024,
  'grpc.max_send_message_length': 4 * 1024 * 1024,
  // An agent holds one stream of nudges, at most one KDK stream and a few calls.
  'grpc.max_concurrent_streams': 16,
  // Finds dead Macs behind a NAT; agents may ping as often without calls.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc-node.max_session_memory': 8,
};

export class AgentsServer {
  private server: Server | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly stopListening: (() => void)[] = [];

  constructor(
    private readonly config: Pick<ControllerConfig, 'listenHost' | 'agentPort' | 'sweepMs'>,
    private readonly keys: KeyStore,
    private readonly handlers: AgentHandlers,
    private readonly streams: LiveStreams,
    private readonly certificates: HostCertificates,
    private readonly bus: ControllerBus,
  ) {}

  async start(): Promise<{ readonly port: number }> {
    const server = new Server(OPTIONS);
    server.addService(AgentServiceService, this.handlers.implementation());
    const source = new TlsSource(this.keys);
    const credentials = experimental.createCertificateProviderServerCredentials(source, source, true);
    const { listenHost, agentPort } = this.config;
    const address = listenHost.includes(':') ? `[${listenHost}]:${agentPort}` : `${listenHost}:${agentPort}`;
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    this.server = server;
    this.stopListening.push(
      this.certificates.onRevoked((serial) => this.streams.cutRevoked(serial)),
      this.bus.subscribe(({ kind, hostId }) => {
        if (kind === 'session') void this.check(hostId);
      }),
    );
    this.handlers.start();
    this.timer = setInterval(() => void this.sweep(), this.config.sweepMs).unref();
    return { port };
  }

  /** Ends live streams so that agents come back elsewhere, lets running calls end, and then closes. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    if (this.timer !== null) clearInterval(this.timer);
    for (const stopOne of this.stopListening.splice(0)) stopOne();
    this.handlers.stop();
    this.streams.cutAll(new Problem('NOT_READY', 'the controller is stopping'));
    const force = setTimeout(() => server.forceShutdown(), STOP_MS);
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    clearTimeout(force);
  }

  private async sweep(): Promise<void> {
    await this.keys.refresh().catch((error: unknown) => log(`the keys could not be looked at: ${String(error)}`));
    await this.check();
  }

  private async check(hostId?: string): Promise<void> {
    await this.streams.sweep(hostId).catch((error: unknown) => log(`checking live streams failed: ${String(error)}`));
  }
}
