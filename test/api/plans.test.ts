// Goal: plans follow intents and consent, and nothing in the database can stand in for a signature.
import { type Plan, retryAfterFailure } from '@headroom/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { KDK, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
let mac: string;
let label: string;
let count = 0;
beforeAll(async () => {
  test = await openTestApi();
  const { siteId } = test.database;
  await test.database.prisma.kdk.create({
    data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, addedBy: 'system:test', addedAt: test.clock.now() },
  });
});
beforeEach(async () => {
  count += 1;
  label = `lab-${count}`;
  mac = await addMac(test, { labels: [label], facts: stockFacts() });
});
afterAll(() => test.stop());

const host = async () => (await test.call('GET', `/api/v1/hosts/${mac}`)).body;
const due = () => test.database.prisma.hostState.update({ where: { hostId: mac }, data: { dueAt: test.clock.now() } });
const plans = async () =>
  (await test.database.prisma.plan.findMany({ where: { hostId: mac }, orderBy: { generation: 'asc' } })).map((row) => ({
    ...row,
    plan: JSON.parse(Buffer.from(row.bytes).toString('utf8')) as Plan,
  }));
/** The newest policy holds the Mac, as its priority is the highest. */
let priority = 0;
const give = async (quota: number | string, exception: object = EXCEPTION) => {
  priority += 1;
  const body = {
    name: `${label} ${quota}`,
    quota,
    priority,
    selector: { labels: [label] },
    exception,
    apply: true,
  };
  expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
  await test.sweep();
};

describe('a plan', () => {
  it('is replaced when the intent changes: job cancelled, next generation, new quota', async () => {
    await give(255);
    await give(16);
    const [first, second, ...more] = await plans();
    expect(more).toEqual([]);
    expect(first).toMatchObject({ generation: 1n, state: 'superseded', plan: { quota: 255 } });
    expect(second).toMatchObject({ generation: 2n, state: 'open', plan: { quota: 16, generation: 2 } });
    const jobs = await test.database.prisma.job.findMany({ where: { hostId: mac }, orderBy: { createdAt: 'asc' } });
    expect(jobs.map(({ planId, state }) => [planId, state])).toEqual(
      expect.arrayContaining([
        [first?.id, 'cancelled'],
        [second?.id, 'queued'],
      ]),
    );
    const lines = await test.database.prisma.hostEvent.findMany({
      where: { hostId: mac, kind: { in: ['plan', 'step.opened', 'step.cancelled'] } },
      orderBy: { id: 'asc' },
    });
    const told = lines.map(({ kind, detail }) => [kind, (detail as Record<string, unknown>)['jobId']]);
    expect(told).toEqual([
      ['plan', undefined],
      ['step.opened', jobs[0]?.id],
      ['step.cancelled', jobs[0]?.id],
      ['plan', undefined],
      ['step.opened', jobs[1]?.id],
    ]);
    const report = await test.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId: mac } });
    expect(report.generation).toBe(2n);
  });

  it('ends with the intent of stock, and none follows', async () => {
    await give(255);
    await give('stock');
    expect(await plans()).toMatchObject([{ state: 'superseded' }]);
    expect(await test.database.prisma.job.count({ where: { hostId: mac, state: 'queued' } })).toBe(0);
    expect(await host()).toMatchObject({ state: 'not_started', visit: null });
  });

  it('goes past a generation that the agent knows and the database lost', async () => {
    await test.database.prisma.hostReport.update({ where: { hostId: mac }, data: { generation: 41n } });
    await give(255);
    expect(await plans()).toMatchObject([{ generation: 42n, plan: { generation: 42 } }]);
  });

  it('that is done over and over, and changes nothing, is made anew ever more rarely, and says so', async () => {
    await give(255);
    const { prisma } = test.database;
    const pretend = async () => {
      const at = test.clock.now();
      const planId = (await plans()).at(-1)?.id ?? '';
      await prisma.job.updateMany({ where: { planId }, data: { state: 'succeeded', finishedAt: at } });
      await prisma.plan.update({ where: { id: planId }, data: { state: 'done', endedAt: at } });
      await due();
      await test.sweep();
    };
    for (const made of [2, 3, 4]) {
      await pretend();
      expect(await plans()).toHaveLength(made);
    }
    await pretend();
    expect(await plans(), 'the fifth waits').toHaveLength(4);
    expect(JSON.stringify((await host())['findings'])).toContain('STEP_WITHOUT_EFFECT');
    for (const [made, minutes] of [
      [5, 1],
      [6, 2],
    ] as const) {
      test.clock.advance(minutes * 60_000 - 1_000);
      await test.sweep();
      expect(await plans()).toHaveLength(made - 1);
      test.clock.advance(1_000);
      await prisma.hostReport.update({ where: { hostId: mac }, data: { lastSeenAt: test.clock.now() } });
      await test.sweep();
      expect(await plans()).toHaveLength(made);
      await pretend();
    }
    await give(16);
    expect((await plans()).at(-1), 'another intent is another matter').toMatchObject({
      state: 'open',
      plan: { quota: 16 },
    });
  });

  it('that failed is shown, and tried again no sooner than its error allows', async () => {
    await give(255);
    const failedAt = test.clock.now();
    const [failed] = await plans();
    const error = { errorCode: 'KDK_INSTALL_FAILED', errorDetail: 'installer: exit status 1' };
    await test.database.prisma.job.updateMany({
      where: { planId: failed?.id ?? '' },
      data: { state: 'failed', ...error, finishedAt: failedAt },
    });
    await test.database.prisma.plan.update({ where: { id: failed?.id ?? '' }, data: { state: 'failed' } });
    await due();
    await test.sweep();
    expect(await plans()).toHaveLength(1);
    expect(JSON.stringify((await host())['findings'])).toContain('installer: exit status 1');
    const retryAt = retryAfterFailure(error.errorCode, failedAt, 1);
    test.clock.advance((retryAt?.getTime() ?? 0) - failedAt.getTime());
    await test.database.prisma.hostReport.update({ where: { hostId: mac }, data: { lastSeenAt: test.clock.now() } });
    await test.sweep();
    expect(await plans()).toMatchObject([{ state: 'failed' }, { generation: 2n, state: 'open' }]);
  });
});

describe('consent', () => {
  it.each([
    ['another quota', (payload: string) => payload.replace('"quotaMax":8', '"quotaMax":9999')],
    ['a later end', (payload: string) => payload.replace(/"expiresAt":"2027/, '"expiresAt":"2099')],
  ])('whose bytes were changed in the database to %s covers nothing', async (_what, change) => {
    await give(8);
    const intent = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: mac } });
    const id = intent.grantId ?? '';
    const { payload } = await test.database.prisma.grant.findUniqueOrThrow({ where: { id } });
    expect(change(payload)).not.toBe(payload);
    await test.database.prisma.grant.update({ where: { id }, data: { payload: change(payload) } });
    await due();
    await test.sweep();
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await plans()).toMatchObject([{ state: 'superseded' }, { state: 'open', plan: { grant: null } }]);
      await due();
      await test.sweep();
    }
    const steps = (await plans()).at(-1)?.plan.steps ?? [];
    expect(steps.map(({ kind }) => kind)).toEqual(['install_kdk', 'build_kc']);
    expect(JSON.stringify((await host())['findings'])).toContain('GRANT_SIGNATURE_WRONG');
  });

  it('that ended covers nothing, from its very moment on', async () => {
    await give(255, { ...EXCEPTION, expiresInDays: 5 });
    test.clock.advance(5 * 86_400_000 - 1);
    await due();
    await test.sweep();
    expect(await plans()).toMatchObject([{ state: 'open' }]);
    test.clock.advance(1);
    await due();
    await test.sweep();
    expect((await plans())[0]).toMatchObject({ state: 'superseded' });
    expect((await host())['intent']).toMatchObject({ quota: 2 });
  });
});
