/** The agents' side of a controller on a real Postgres with real TLS, and a clock that the test owns. */
import { CallLimit } from '../../../apps/controller/src/agents/call-limit.ts';
import { createAgentsServer } from '../../../apps/controller/src/agents/create-agents.ts';
import { HostCertificates } from '../../../apps/controller/src/agents/host-certificates.ts';
import { type KdkFile, KdkFiles } from '../../../apps/controller/src/agents/kdk-files.ts';
import { InProcessBus, type Wake } from '../../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../../apps/controller/src/common/clock.ts';
import type { ControllerConfig } from '../../../apps/controller/src/config/config.ts';
import { Enrolment } from '../../../apps/controller/src/enrol/enrolment.ts';
import { EnrolmentServer } from '../../../apps/controller/src/enrol/enrolment-server.ts';
import { TokenService } from '../../../apps/controller/src/enrol/token-service.ts';
import { JobStore } from '../../../apps/controller/src/jobs/job-store.ts';
import { type KeyOptions, KeyStore } from '../../../apps/controller/src/keys/key-store.ts';
import { openTestDatabase } from '../../support/postgres.ts';

/** Runs on from the real time, since TLS looks at that too. */
class TestClock extends Clock {
  private ahead = 0;

  now(): Date {
    return new Date(Date.now() + this.ahead);
  }

  advance(ms: number): void {
    this.ahead += ms;
  }
}

class TestKdkFiles extends KdkFiles {
  readonly files = new Map<string, KdkFile>();

  async open(sha256: string): Promise<KdkFile | null> {
    return this.files.get(sha256) ?? null;
  }
}

export type TestController = Awaited<ReturnType<typeof startController>>;

export async function startController(options: Partial<ControllerConfig> = {}, keyOptions: KeyOptions = {}) {
  const db = await openTestDatabase();
  const { database, stateDir } = db;
  const config: ControllerConfig = {
    stateDir,
    fleetName: 'test',
    databaseUrl: null,
    publicHost: 'localhost',
    listenHost: '127.0.0.1',
    apiHost: '127.0.0.1',
    apiPort: 0,
    enrolPort: 0,
    agentPort: 0,
    checkInMs: 60_000,
    leaseTtlMs: 30_000,
    simulation: true,
    nudges: true,
    sweepMs: 60_000,
    auditDays: 400,
    eventDays: 180,
    workDays: 400,
    ...options,
  };
  const clock = new TestClock();
  const bus = new InProcessBus();
  const wakes: Wake[] = [];
  bus.subscribe((wake) => wakes.push(wake));
  const keys = await KeyStore.open(config, clock, keyOptions);
  const certificates = new HostCertificates(database, clock);
  const jobs = new JobStore(database, clock, bus, config);
  const kdkFiles = new TestKdkFiles();
  const callTime: { stoppedAt: number | null } = { stoppedAt: null };
  const calls = new CallLimit(() => callTime.stoppedAt ?? performance.now());
  const agents = createAgentsServer({ config, database, clock, bus, keys, certificates, jobs, kdkFiles, calls });
  const enrolment = new Enrolment(database, keys, certificates, bus, clock);
  const enrolServer = new EnrolmentServer(config, database, keys, enrolment, clock);
  const { port: agentPort } = await agents.start();
  const { port: enrolPort } = await enrolServer.start(agentPort);
  const stop = async () => {
    await enrolServer.stop();
    await agents.stop();
    await db.stop();
  };
  const tokens = new TokenService(database, keys, clock);
  return {
    config,
    database,
    clock,
    bus,
    wakes,
    keys,
    certificates,
    jobs,
    kdkFiles,
    calls,
    callTime,
    tokens,
    agentPort,
    enrolPort,
    stop,
  };
}
