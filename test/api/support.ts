/** A controller's API on a real Postgres and real HTTP, without agents: tests play the Macs by hand and own the clock. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type Facts, JOB_KINDS, type PlanStep } from '@headroom/core';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CallLimit } from '../../apps/controller/src/agents/call-limit.ts';
import { HostCertificates } from '../../apps/controller/src/agents/host-certificates.ts';
import { createApiToken } from '../../apps/controller/src/api/api-tokens.ts';
import { type Api, createApi } from '../../apps/controller/src/api/create-api.ts';
import { ROLES, type Role } from '../../apps/controller/src/api/permissions.ts';
import { toJson } from '../../apps/controller/src/audit/json.ts';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../apps/controller/src/common/clock.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { SweepHealth } from '../../apps/controller/src/common/sweep-parts.ts';
import type { Database } from '../../apps/controller/src/db/database.ts';
import { TokenService } from '../../apps/controller/src/enrol/token-service.ts';
import { JobStore } from '../../apps/controller/src/jobs/job-store.ts';
import { KeyStore } from '../../apps/controller/src/keys/key-store.ts';
import { JobQueue } from '../../apps/controller/src/queue/queue.ts';
import { KC, raisedFacts } from '../../packages/core/testing/sample-host.ts';
import { openTestDatabase } from '../support/postgres.ts';

class TestClock extends Clock {
  private at = new Date('2026-11-23T12:00:00.000Z');

  now(): Date {
    return new Date(this.at);
  }

  advance(ms: number): void {
    this.at = new Date(this.at.getTime() + ms);
  }
}

/** Loses every wake-up: what has to happen must follow from the sweep alone. */
class DeafQueue extends JobQueue {
  async add(): Promise<void> {}
  async process(): Promise<void> {}
  async close(): Promise<void> {}
}

/** A reply of any shape: reading what is not there gives undefined, and the test says so. */
export interface ReplyBody {
  readonly [key: string]: ReplyBody;
}

export interface Reply {
  readonly status: number;
  readonly body: ReplyBody;
  readonly headers: Headers;
}

interface CallOptions {
  readonly role?: Role | null;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface TestApi {
  readonly api: Api;
  readonly database: Database;
  readonly clock: TestClock;
  readonly jobs: JobStore;
  readonly stateDir: string;
  readonly url: string;
  readonly bus: InProcessBus;
  readonly keys: KeyStore;
  /** The bearer token of a role. */
  token(role: Role): string;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** What the controller's timer does; throws when a part of it failed. */
  sweep(): Promise<void>;
  readonly health: SweepHealth;
  /** Is the clock trusted, so that what is old may go? It is, unless a test takes it away. */
  trustClock(isTrusted: boolean): void;
  stop(): Promise<void>;
}

export async function openTestApi(): Promise<TestApi> {
  const { database, stateDir, stop } = await openTestDatabase();
  const clock = new TestClock();
  const bus = new InProcessBus();
  const config = { stateDir, checkInMs: 30_000, leaseTtlMs: 60_000, publicHost: 'localhost', simulation: true };
  const keys = await KeyStore.open(config, clock);
  const jobs = new JobStore(database, clock, bus, config);
  const enrolTokens = new TokenService(database, keys, clock);
  const queue = new DeafQueue();
  const certificates = new HostCertificates(database, clock);
  const { grantKey, webhookKey } = keys;
  const watchTimes = { pollMs: 100, restMs: 20, heartbeatMs: 200, unreadMs: 30_000 };
  const health = new SweepHealth();
  let isTrusted = true;
  const parts = {
    config,
    database,
    clock,
    bus,
    queue,
    grantKey,
    webhookKey,
    jobs,
    enrolTokens,
    certificates,
    health,
    calls: new CallLimit(),
    mayRemove: () => isTrusted,
    watchTimes,
  };
  const api = createApi(parts);
  await api.start();
  const app = await listen(api);
  const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  const tokens = await makeTokens(database, clock.now());
  return {
    api,
    database,
    clock,
    jobs,
    stateDir,
    url,
    bus,
    keys,
    token: (role) => tokens.get(role) ?? '',
    call: (method, path, options = {}) => call(url, tokens, method, path, options),
    health,
    trustClock(wanted) {
      isTrusted = wanted;
    },
    async sweep() {
      await health.round(api.sweepParts, clock);
      const failed = health.rounds().filter(([, rounds]) => rounds > 0);
      if (failed.length > 0) throw new Error(`failed: ${failed.map(([part]) => part).join(', ')}`);
    },
    async stop() {
      await api.stop();
      await app.close();
      await stop();
    },
  };
}

async function listen(api: Api): Promise<INestApplication> {
  const app = await NestFactory.create(api.module, { bodyParser: false, logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  return app;
}

async function makeTokens(database: Database, at: Date): Promise<ReadonlyMap<Role, string>> {
  const { siteId } = database;
  const tokens = new Map<Role, string>();
  for (const role of ROLES) {
    const order = { name: role, role, createdBy: 'system:test', siteId, at };
    tokens.set(role, await database.transaction((tx) => createApiToken(tx, order)));
  }
  return tokens;
}

async function call(
  url: string,
  tokens: ReadonlyMap<Role, string>,
  method: string,
  path: string,
  { role = 'admin', body, headers = {} }: CallOptions,
): Promise<Reply> {
  const isBytes = body instanceof Uint8Array || typeof body === 'string';
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(role !== null && { authorization: `Bearer ${tokens.get(role)}` }),
      ...(body !== undefined && { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: isBytes ? (body as RequestInit['body']) : JSON.stringify(body) }),
  });
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (isStream) await response.body?.cancel();
  const text = isStream ? '' : await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const shown: unknown = isJson && text !== '' ? JSON.parse(text) : text;
  return { status: response.status, body: shown as ReplyBody, headers: response.headers };
}

let macs = 0;

export interface NewMac {
  readonly labels?: readonly string[];
  readonly facts?: Facts | null;
}

/** Rows of an enrolled, simulated Mac that reported just now. */
export async function addMac(
  { database, clock }: TestApi,
  { labels = [], facts = null }: NewMac = {},
): Promise<string> {
  macs += 1;
  const { siteId } = database;
  const now = clock.now();
  const id = uuidv7(now.getTime());
  const hardwareUuid = `3D6B9F2E-1111-4222-8333-${String(macs).padStart(12, '0')}`;
  await database.transaction(async (tx) => {
    await tx.host.create({
      data: { id, siteId, hardwareUuid, name: `mac-${macs}`, serial: `S${macs}`, simulated: true, enrolledAt: now },
    });
    await tx.hostLabel.createMany({ data: labels.map((label) => ({ hostId: id, siteId, label })) });
    await tx.hostReport.create({ data: { hostId: id, siteId, bootFirstSeenAt: now, lastSeenAt: now } });
    await tx.hostState.create({ data: { hostId: id, siteId, stateSince: now, dueAt: now } });
    await tx.intent.create({ data: { hostId: id, siteId, number: 1, quota: 2, extraArgs: [], setAt: now } });
  });
  if (facts !== null) await report({ database, clock }, id, facts);
  return id;
}

/** A Mac that built its collection, was visited and booted: raised as soon as its policy wants the quota of `raisedFacts`. */
export async function addRaisedMac(test: TestApi, labels: readonly string[]): Promise<string> {
  const hostId = await addMac(test, { labels });
  const { siteId, prisma } = test.database;
  const now = test.clock.now();
  const built = { kind: 'build_kc', lane: 'plan', state: 'succeeded', stepIndex: 0, result: toJson(KC) };
  await prisma.job.create({
    data: { id: uuidv7(now.getTime()), siteId, hostId, ...built, createdAt: now, finishedAt: now },
  });
  const visited = { kind: 'raise', state: 'closed', reason: 'test', createdAt: now, openedAt: now, closedAt: now };
  await prisma.visit.create({ data: { id: uuidv7(now.getTime()), siteId, hostId, ...visited } });
  test.clock.advance(1000);
  await prisma.hostReport.update({
    where: { hostId },
    data: { bootSessionId: 'SESSION-2', capabilities: [...JOB_KINDS] },
  });
  await report(test, hostId, raisedFacts(), true);
  return hostId;
}

/** The Mac reports these facts; `newBoot` = in a boot session never seen before. */
export async function report(
  { database, clock }: Pick<TestApi, 'database' | 'clock'>,
  hostId: string,
  facts: Facts,
  newBoot = false,
): Promise<void> {
  const now = clock.now();
  await database.prisma.hostReport.update({
    where: { hostId },
    data: { facts: toJson(facts), factsAt: now, lastSeenAt: now, ...(newBoot && { bootFirstSeenAt: now }) },
  });
  await database.prisma.hostState.update({ where: { hostId }, data: { dueAt: now } });
}

/** The Mac is heard, and has nothing new to say. */
export async function hear({ database, clock }: TestApi, hostId: string): Promise<void> {
  await database.prisma.hostReport.update({ where: { hostId }, data: { lastSeenAt: clock.now() } });
}

/** Ends the host's open job as its agent would, and opens the plan's next step. Returns the step that was done. */
export async function finishJob(test: TestApi, hostId: string, result: object, facts: Facts): Promise<PlanStep> {
  const { database, clock, jobs } = test;
  const now = clock.now();
  const job = await database.prisma.job.findFirstOrThrow({ where: { hostId, lane: 'plan', state: 'queued' } });
  const plan = await database.prisma.plan.findUniqueOrThrow({ where: { id: job.planId ?? '' } });
  const { steps } = JSON.parse(Buffer.from(plan.bytes).toString('utf8')) as { steps: PlanStep[] };
  const stepIndex = job.stepIndex + 1;
  const next = steps[stepIndex];
  await database.transaction(async (tx) => {
    await tx.job.update({
      where: { id: job.id },
      data: { state: 'succeeded', result: toJson(result), finishedAt: now },
    });
    if (next === undefined) await tx.plan.update({ where: { id: plan.id }, data: { state: 'done', endedAt: now } });
    else await jobs.openJob(tx, { hostId, planId: plan.id, lane: 'plan', stepIndex, kind: next.kind });
  });
  await report(test, hostId, facts);
  const done = steps[job.stepIndex];
  if (done === undefined) throw new Error(`the plan has no step ${job.stepIndex}`);
  return done;
}

export const EXCEPTION = {
  purpose: 'UI tests in parallel',
  reason: 'Lab Macs without personal data',
  acceptClause: '2026-11',
  confirmHighQuota: true,
};

/** `items` of a page, or another list of an answer. */
export function itemsOf(body: ReplyBody, name = 'items'): readonly ReplyBody[] {
  return body[name] as unknown as readonly ReplyBody[];
}
