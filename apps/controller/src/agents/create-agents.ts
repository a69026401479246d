/** Puts the agents' side together from what the rest of the controller owns. */
import { ControllerBus } from '../bus/bus.ts';
import { Clock } from '../common/clock.ts';
import type { ControllerConfig } from '../config/config.ts';
import { Database } from '../db/database.ts';
import { FinishJob } from '../jobs/finish-job.ts';
import { JobStore } from '../jobs/job-store.ts';
import { OpenSteps } from '../jobs/open-steps.ts';
import { KeyStore } from '../keys/key-store.ts';
import { AgentHandlers } from './agent-handlers.ts';
import { AgentsServer } from './agents-server.ts';
import { CallLimit } from './call-limit.ts';
import { Admission } from './caller.ts';
import { CertificateRenewal } from './certificate-renewal.ts';
import { CloneWatch } from './clone-watch.ts';
import { CheckInHandler } from './handlers/check-in.ts';
import { FetchKdkHandler } from './handlers/fetch-kdk.ts';
import { FinishHandler } from './handlers/finish.ts';
import { LeaseHandler } from './handlers/lease.ts';
import { NudgesHandler } from './handlers/nudges.ts';
import { OpenSessionHandler } from './handlers/open-session.ts';
import { RenewHandler } from './handlers/renew.ts';
import { HostCertificates } from './host-certificates.ts';
import { KdkFiles } from './kdk-files.ts';
import { LiveStreams } from './live-streams.ts';
import { ReportStore } from './report-store.ts';
import { RpcWrap } from './rpc-wrap.ts';
import { SessionStore } from './session-store.ts';
import { ToldKeys } from './told-keys.ts';
import { VisitNotices } from './visit-notices.ts';

export interface AgentsParts {
  readonly config: ControllerConfig;
  readonly database: Database;
  readonly clock: Clock;
  readonly bus: ControllerBus;
  readonly keys: KeyStore;
  readonly certificates: HostCertificates;
  readonly jobs: JobStore;
  readonly kdkFiles: KdkFiles;
  readonly calls: CallLimit;
}

export function createAgentsServer(parts: AgentsParts): AgentsServer {
  const { config, database, clock, bus, keys, certificates, jobs, kdkFiles, calls } = parts;
  const reports = new ReportStore(database, clock);
  const streams = new LiveStreams(database, clock);
  const admission = new Admission(database, clock, calls);
  const clones = new CloneWatch(database, clock);
  const sessions = new SessionStore(database, clock, reports, jobs, certificates, clones);
  const toldKeys = new ToldKeys(database, clock, keys.grantKey);
  const finishJob = new FinishJob(database, clock, bus);
  const handlers = new AgentHandlers(
    new RpcWrap(admission),
    new OpenSessionHandler(config, database, sessions, streams, bus, clones, keys.grantKey, certificates),
    new CheckInHandler(config, reports, jobs, bus, keys.grantKey, new VisitNotices(database), toldKeys),
    new LeaseHandler(config, jobs),
    new RenewHandler(config, jobs),
    new FinishHandler(finishJob, jobs),
    new NudgesHandler(config, jobs, streams, admission, bus),
    new FetchKdkHandler(new OpenSteps(database), kdkFiles, streams),
    new CertificateRenewal(database, keys, clock),
  );
  return new AgentsServer(config, keys, handlers, streams, certificates, bus);
}
