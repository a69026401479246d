// Goal: a controller whose clock ran ahead for a while and was set back goes on by itself; nothing waits for a time that is far away.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { TimesAhead } from '../../apps/controller/src/data/times-ahead.ts';
import { KDK, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, openTestApi, type TestApi } from '../api/support.ts';

const DAY = 86_400_000;
const AHEAD = 30 * DAY;
const LABEL = 'ahead';
let test: TestApi;
let macs: readonly [leased: string, failed: string, queued: string];
let times: TimesAhead;
let rolloutId: string;

beforeAll(async () => {
  test = await openTestApi();
  const { siteId, prisma } = test.database;
  await prisma.kdk.create({
    data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, addedBy: 'system:test', addedAt: test.clock.now() },
  });
  const add = () => addMac(test, { labels: [LABEL], facts: stockFacts() });
  macs = [await add(), await add(), await add()];
  times = new TimesAhead(test.database);
});
afterAll(() => test?.stop());

const lease = (hostId: string) => test.jobs.lease(hostId, 0n);
const round = async (isTrusted = true) => {
  await times.sweepOnce(test.clock.now(), isTrusted);
  await test.jobs.sweep();
  await test.sweep();
};
const setBacks = () => test.database.prisma.audit.findMany({ where: { action: 'clock.set_back' } });

/** A policy is applied in time; what follows from it is done in a time that is not there yet. */
async function workAhead(): Promise<void> {
  const { prisma, siteId } = test.database;
  const strategy = {
    rings: [{ name: 'all', take: { kind: 'rest' } }],
    success: 'prepared',
    stuckAfter: { workMinutes: 43_201, visitMinutes: null },
  };
  const body = { name: LABEL, quota: 255, selector: { labels: [LABEL] }, exception: EXCEPTION, strategy, apply: true };
  const made = await test.call('POST', '/api/v1/policies', { body });
  expect(made.status).toBe(201);
  rolloutId = String(made.body['rolloutId']);
  test.clock.advance(AHEAD);
  await prisma.hostReport.updateMany({ data: { lastSeenAt: test.clock.now() } });
  await round();
  expect(await lease(macs[0])).not.toBeNull();
  const notBefore = new Date(test.clock.now().getTime() + 60_000);
  await prisma.job.updateMany({ where: { hostId: macs[1] }, data: { attempts: 1, notBefore } });
  const webhookId = uuidv7();
  const at = test.clock.now();
  await prisma.rolloutTarget.updateMany({ where: { hostId: macs[0] }, data: { notedAt: at } });
  const visit = { kind: 'restart', state: 'open', reason: 'test', createdAt: at, openedAt: at, lastOpenedAt: at };
  await prisma.visit.create({ data: { id: uuidv7(), siteId, hostId: macs[2], ...visit } });
  const webhook = { id: webhookId, siteId, name: 'w', url: 'http://127.0.0.1:9/', events: ['*'], createdBy: 't' };
  await prisma.webhook.create({ data: { ...webhook, state: 'off', createdAt: at, changedAt: at } });
  await prisma.webhookDelivery.create({
    data: {
      webhookId,
      eventId: uuidv7(),
      siteId,
      type: 'ping',
      occurredAt: at,
      body: '{}',
      state: 'queued',
      nextAt: at,
    },
  });
}

it('a clock that was set back by a month leaves no job, Mac, rollout or message waiting for that month', async () => {
  await workAhead();
  test.clock.advance(-AHEAD);
  const now = test.clock.now();
  // So it would stand for a month; but right after the jump nobody knows which of the two times is right.
  await times.sweepOnce(now, false);
  await test.jobs.sweep();
  expect([await lease(macs[0]), await lease(macs[1])]).toEqual([null, null]);

  await round();
  expect((await lease(macs[0]))?.leaseNumber).toBe(2);
  expect((await lease(macs[1]))?.leaseNumber).toBe(1);
  const { prisma } = test.database;
  for (const { createdAt } of await prisma.job.findMany({ where: { state: { in: ['queued', 'leased'] } } }))
    expect(createdAt.getTime()).toBeLessThanOrEqual(now.getTime());
  for (const { evaluatedAt, dueAt } of await prisma.hostState.findMany())
    expect([evaluatedAt, dueAt]).toEqual([now, null]);
  const rollout = await prisma.rollout.findUniqueOrThrow({ where: { id: rolloutId } });
  expect([rollout.state, rollout.decidedAt]).toEqual(['running', now]);
  expect((await prisma.visit.findFirstOrThrow()).lastOpenedAt).toEqual(now);
  expect((await prisma.webhookDelivery.findFirstOrThrow()).nextAt).toEqual(now);
  expect(await setBacks()).toMatchObject([
    {
      actor: 'system:clock',
      after: { hosts: 3, heard: 3, jobs: 3, visits: 1, rollouts: 1, targets: 1, deliveries: 1 },
    },
  ]);
});

it('silence runs from then on, and a job becomes too old after its days', async () => {
  test.clock.advance(2 * DAY);
  await round();
  for (const id of macs)
    expect((await test.call('GET', `/api/v1/hosts/${id}`)).body).toMatchObject({ presence: 'lost' });
  test.clock.advance(6 * DAY);
  await round();
  const job = await test.database.prisma.job.findFirstOrThrow({ where: { hostId: macs[2] }, orderBy: { id: 'asc' } });
  expect(job).toMatchObject({ state: 'dead', errorCode: 'JOB_DEADLINE' });
});

it('is said once, and a controller that starts later finds nothing', async () => {
  await round();
  await new TimesAhead(test.database).sweepOnce(test.clock.now(), true);
  expect(await setBacks()).toHaveLength(1);
});

it('a clock that is behind for some minutes after a start makes nothing old', async () => {
  const { prisma } = test.database;
  const before = await prisma.job.findMany({ orderBy: { id: 'asc' } });
  const started = new TimesAhead(test.database);
  await started.sweepOnce(new Date(0), false);
  await started.sweepOnce(test.clock.now(), false);
  await started.sweepOnce(test.clock.now(), true);
  expect(await prisma.job.findMany({ orderBy: { id: 'asc' } })).toEqual(before);
  expect(await setBacks()).toHaveLength(1);
});
