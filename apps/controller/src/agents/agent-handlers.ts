/** All procedures of the wire, each wrapped with admission and errors. */
import type { AgentServiceServer } from '@headroom/proto';
import { CertificateRenewal } from './certificate-renewal.ts';
import { CheckInHandler } from './handlers/check-in.ts';
import { FetchKdkHandler } from './handlers/fetch-kdk.ts';
import { FinishHandler } from './handlers/finish.ts';
import { LeaseHandler } from './handlers/lease.ts';
import { NudgesHandler } from './handlers/nudges.ts';
import { OpenSessionHandler } from './handlers/open-session.ts';
import { RenewHandler } from './handlers/renew.ts';
import { RpcWrap } from './rpc-wrap.ts';

export class AgentHandlers {
  constructor(
    private readonly wrap: RpcWrap,
    private readonly openSession: OpenSessionHandler,
    private readonly checkIn: CheckInHandler,
    private readonly lease: LeaseHandler,
    private readonly renew: RenewHandler,
    private readonly finish: FinishHandler,
    private readonly nudges: NudgesHandler,
    private readonly fetchKdk: FetchKdkHandler,
    private readonly renewal: CertificateRenewal,
  ) {}

  start(): void {
    this.nudges.start();
  }

  stop(): void {
    this.nudges.stop();
  }

  implementation(): AgentServiceServer {
    const { wrap } = this;
    return {
      openSession: wrap.unary('openSession', (caller, request) => this.openSession.handle(caller, request)),
      checkIn: wrap.unary('checkIn', (caller, request) => this.checkIn.handle(caller, request)),
      lease: wrap.unary('lease', (caller, request) => this.lease.handle(caller, request)),
      renew: wrap.unary('renew', (caller, request) => this.renew.handle(caller, request)),
      finish: wrap.unary('finish', (caller, request) => this.finish.handle(caller, request)),
      nudges: wrap.stream('nudges', (caller, call) => this.nudges.handle(caller, call)),
      fetchKdk: wrap.stream('fetchKdk', (caller, call) => this.fetchKdk.handle(caller, call)),
      renewCertificate: wrap.unary('renewCertificate', async (caller, request) => ({
        certificatePem: await this.renewal.renew(caller, request),
      })),
    };
  }
}
