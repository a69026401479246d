/** The one wiring place of the controller: every part is made here, started in order and stopped in reverse. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { CallLimit } from '../agents/call-limit.ts';
import { createAgentsServer } from '../agents/create-agents.ts';
import { HostCertificates } from '../agents/host-certificates.ts';
import { type Api, createApi } from '../api/create-api.ts';
import { SystemClock } from '../common/clock.ts';
import { ClockTrust } from '../common/clock-trust.ts';
import { logger } from '../common/log.ts';
import { SweepHealth } from '../common/sweep-parts.ts';
import type { ControllerConfig } from '../config/config.ts';
import { EndedWork } from '../data/ended-work.ts';
import { HistoryKeeper } from '../data/history.ts';
import { OldCertificates } from '../data/old-certificates.ts';
import { TimesAhead } from '../data/times-ahead.ts';
import { Enrolment } from '../enrol/enrolment.ts';
import { EnrolmentServer } from '../enrol/enrolment-server.ts';
import { TokenService } from '../enrol/token-service.ts';
import { JobStore } from '../jobs/job-store.ts';
import { ensureAdminToken } from './admin-token.ts';
import type { Ground } from './ground.ts';
import { rememberPorts, withRememberedPorts } from './ports.ts';
import { type OnStop, openStores } from './stores.ts';
import { Sweep } from './sweep.ts';

const log = logger('controller');

export interface RunningController {
  readonly apiUrl: string;
  readonly enrolUrl: string;
  readonly agentUrl: string;
  /** Resolves with the reason when this controller must end by itself. */
  readonly lost: Promise<string>;
  stop(): Promise<void>;
}

/** Starts a controller; whatever was started is stopped again when a later part cannot start. */
export async function startController(config: ControllerConfig, ground: Ground): Promise<RunningController> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one().catch((error: unknown) => log(`while stopping: ${error}`));
  };
  try {
    return { ...(await startParts(config, ground, (one) => stops.push(one))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  wanted: ControllerConfig,
  { stateLock, postgres }: Ground,
  onStop: OnStop,
): Promise<Omit<RunningController, 'stop'>> {
  onStop(() => stateLock.release());
  onStop(async () => postgres?.stop());
  const config = await withRememberedPorts(wanted);
  const clock = new SystemClock();
  let onLost: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    onLost = resolve;
  });
  const { database, keys, bus, queue } = await openStores(config, clock, onStop, onLost, postgres);
  await ensureAdminToken(database, config.stateDir, clock);
  const certificates = new HostCertificates(database, clock);
  const jobs = new JobStore(database, clock, bus, config);
  const enrolTokens = new TokenService(database, keys, clock);
  const { grantKey, webhookKey } = keys;
  const health = new SweepHealth();
  const calls = new CallLimit();
  const stores = { database, clock, bus, queue, jobs, enrolTokens, certificates };
  const trust = new ClockTrust();
  const mayRemove = (now: Date) => trust.isSettled(now);
  const jumps = ClockTrust.ofJumps();
  const mayExpire = (now: Date) => jumps.isSettled(now);
  const api = createApi({ config, ...stores, grantKey, webhookKey, health, calls, mayRemove, mayExpire });
  await api.start();
  onStop(() => api.stop());

  const { kdkFiles } = api;
  const agents = createAgentsServer({ config, database, clock, bus, keys, certificates, jobs, kdkFiles, calls });
  const { port: agentPort } = await agents.start();
  onStop(() => agents.stop());
  const enrolment = new Enrolment(database, keys, certificates, bus, clock);
  const enrolmentServer = new EnrolmentServer(config, database, keys, enrolment, clock);
  const { port: enrolPort } = await enrolmentServer.start(agentPort);
  onStop(() => enrolmentServer.stop());
  const app = await listen(api, config);
  onStop(() => app.close());

  const history = new HistoryKeeper(database, config);
  const endedWork = new EndedWork(database, config);
  const certificatesOver = new OldCertificates(database, config);
  const timesAhead = new TimesAhead(database);
  const parts = [
    { name: 'times ahead', run: (now: Date) => timesAhead.sweepOnce(now, mayRemove(now)) },
    { name: 'leases', run: () => jobs.sweep() },
    ...api.sweepParts,
    { name: 'history', run: (now: Date) => history.daily(now, mayRemove(now)) },
    { name: 'ended work', run: (now: Date) => endedWork.step(now, mayRemove(now)) },
    { name: 'old certificates', run: (now: Date) => certificatesOver.sweepOnce(now, mayRemove(now)) },
  ];
  const sweep = new Sweep(config.sweepMs, clock, parts, health);
  sweep.start();
  onStop(() => sweep.stop());
  // Apart from the others: taking in a large image must not hold up leases.
  const inbox = new Sweep(config.sweepMs, clock, [{ name: 'kdk inbox', run: () => api.kdkInbox.scanOnce() }], health);
  inbox.start();
  onStop(() => inbox.stop());
  const { port: apiPort } = app.getHttpServer().address() as AddressInfo;
  await rememberPorts(config.stateDir, { apiPort, enrolPort, agentPort });
  const host = config.publicHost;
  return {
    apiUrl: `http://${apiName(config)}:${apiPort}`,
    enrolUrl: `https://${host}:${enrolPort}`,
    agentUrl: `https://${host}:${agentPort}`,
    lost,
  };
}

async function listen(api: Api, { apiPort, apiHost }: ControllerConfig): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(api.module, {
    bodyParser: false,
    logger: ['error', 'warn', 'fatal'],
  });
  app.disable('x-powered-by');
  await app.listen(apiPort, apiHost);
  return app;
}

/** Where it listens; on every address, the name that people dial. */
function apiName({ apiHost, publicHost }: ControllerConfig): string {
  if (apiHost === '0.0.0.0' || apiHost === '::') return publicHost;
  return apiHost.includes(':') ? `[${apiHost}]` : apiHost;
}
