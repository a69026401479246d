/** The one wiring place of the controller: every part is made here, started in order and stopped in reverse. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createAgentsServer } from '../agents/create-agents.ts';
import { HostCertificates } from '../agents/host-certificates.ts';
import { type Api, createApi } from '../api/create-api.ts';
import { InProcessBus } from '../bus/bus.ts';
import { SystemClock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import { openDatabase } from '../db/open.ts';
import { Enrolment } from '../enrol/enrolment.ts';
import { EnrolmentServer } from '../enrol/enrolment-server.ts';
import { TokenService } from '../enrol/token-service.ts';
import { JobStore } from '../jobs/job-store.ts';
import { KeyStore } from '../keys/key-store.ts';
import { BullmqQueue } from '../queue/bullmq-queue.ts';
import { ensureAdminToken } from './admin-token.ts';
import { rememberPorts, withRememberedPorts } from './ports.ts';
import { StateLock } from './state-lock.ts';
import { Sweep } from './sweep.ts';

const log = logger('controller');

export interface RunningController {
  readonly apiUrl: string;
  readonly enrolUrl: string;
  readonly agentUrl: string;
  stop(): Promise<void>;
}

/** Starts a controller; whatever was started is stopped again when a later part cannot start. */
export async function startController(config: ControllerConfig): Promise<RunningController> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one().catch((error: unknown) => log(`while stopping: ${error}`));
  };
  try {
    return { ...(await startParts(config, (one) => stops.push(one))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type OnStop = (stop: () => Promise<unknown>) => void;

async function startParts(wanted: ControllerConfig, onStop: OnStop): Promise<Omit<RunningController, 'stop'>> {
  const lock = await StateLock.take(wanted.stateDir);
  onStop(() => lock.release());
  const config = await withRememberedPorts(wanted);
  const { database, connection, stop: stopDatabase } = await openDatabase(config);
  onStop(stopDatabase);
  const clock = new SystemClock();
  await ensureAdminToken(database, config.stateDir, clock);
  const bus = new InProcessBus();
  const keys = await KeyStore.open(config, clock);
  const certificates = new HostCertificates(database, clock);
  const jobs = new JobStore(database, clock, bus, config);
  const queue = await BullmqQueue.onPostgres(connection);
  onStop(() => queue.close());

  const enrolTokens = new TokenService(database, keys, clock);
  const api = createApi({ config, database, clock, bus, queue, grantKey: keys.grantKey, jobs, enrolTokens });
  await api.start();
  onStop(async () => api.stop());

  const { kdkFiles } = api;
  const agents = createAgentsServer({ config, database, clock, bus, keys, certificates, jobs, kdkFiles });
  const { port: agentPort } = await agents.start();
  onStop(() => agents.stop());
  const enrolment = new Enrolment(database, keys, certificates, bus, clock);
  const enrolmentServer = new EnrolmentServer(config, database, keys, enrolment, clock);
  const { port: enrolPort } = await enrolmentServer.start(agentPort);
  onStop(() => enrolmentServer.stop());
  const app = await listen(api, config);
  onStop(() => app.close());

  const sweep = new Sweep(config.sweepMs, clock, [() => jobs.sweep(), (now) => api.sweepOnce(now)]);
  sweep.start();
  onStop(() => sweep.stop());
  const { port: apiPort } = app.getHttpServer().address() as AddressInfo;
  await rememberPorts(config.stateDir, { apiPort, enrolPort, agentPort });
  const host = config.publicHost;
  return {
    apiUrl: `http://${host}:${apiPort}`,
    enrolUrl: `https://${host}:${enrolPort}`,
    agentUrl: `https://${host}:${agentPort}`,
  };
}

async function listen(api: Api, { apiPort, listenHost }: ControllerConfig): Promise<INestApplication> {
  const app = await NestFactory.create(api.module, { bodyParser: false, logger: ['error', 'warn', 'fatal'] });
  await app.listen(apiPort, listenHost);
  return app;
}
