// Goal: whoever runs the fleet finds every job, sees what it waits for, stops what shall not go on, and begins anew what ended badly.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { KDK, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, hear, itemsOf, openTestApi, type TestApi } from './support.ts';

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
  await give(8);
});
afterAll(() => test.stop());

let priority = 0;
async function give(quota: number) {
  priority += 1;
  const body = { name: `${label} ${quota}`, quota, priority, selector: { labels: [label] }, exception: EXCEPTION };
  expect((await test.call('POST', '/api/v1/policies', { body: { ...body, apply: true } })).status).toBe(201);
  await test.sweep();
}

const list = async (query: string) => itemsOf((await test.call('GET', `/api/v1/jobs?${query}`)).body);
const newest = async () => {
  const [job] = await list(`host=${mac}`);
  if (job === undefined) throw new Error('there is no job');
  return job;
};
const post = (path: string, body?: object) =>
  test.call('POST', `/api/v1/jobs/${path}`, body === undefined ? {} : { body });
const findings = async () => JSON.stringify((await test.call('GET', `/api/v1/hosts/${mac}`)).body['findings']);

async function failNewest(errorCode: string) {
  const job = await newest();
  const finishedAt = test.clock.now();
  const { prisma } = test.database;
  await prisma.job.update({ where: { id: String(job['id']) }, data: { state: 'failed', errorCode, finishedAt } });
  await prisma.plan.update({ where: { id: String(job['planId']) }, data: { state: 'failed' } });
  await prisma.hostState.update({ where: { hostId: mac }, data: { dueAt: finishedAt } });
  await test.sweep();
  return job;
}

describe('a job', () => {
  it('says what it waits for and until when', async () => {
    const job = await newest();
    expect(job).toMatchObject({ state: 'queued', kind: 'install_kdk', waitsFor: 'The agent takes it.', stepIndex: 0 });
    const days = (Date.parse(String(job['endsBy'])) - Date.parse(String(job['createdAt']))) / 86_400_000;
    expect(days).toBe(7);
    expect((await test.call('GET', `/api/v1/jobs/${job['id']}`)).body).toEqual(job);
  });

  it('is found by host, state, kind and code, page by page', async () => {
    const job = await failNewest('KDK_IMAGE_DAMAGED');
    const found = [job['id']];
    const ids = async (query: string) => (await list(query)).map(({ id }) => id);
    expect(await ids(`host=${mac}&state=failed`)).toEqual(found);
    expect(await ids(`host=${mac}&kind=install_kdk&errorCode=KDK_IMAGE_DAMAGED`)).toEqual(found);
    expect(await ids(`host=${mac}&kind=build_kc`)).toEqual([]);
    const all = await ids('limit=200');
    const first = (await test.call('GET', '/api/v1/jobs?limit=1')).body;
    const cursor = String(first['nextCursor']);
    expect([itemsOf(first)[0]?.['id'], ...(await ids(`limit=1&cursor=${cursor}`))]).toEqual(all.slice(0, 2));
  });
});

describe('cancelling', () => {
  it('ends a job that no Mac has, holds what it was for, and goes on when asked', async () => {
    const { id } = await newest();
    const reply = await post(`${id}/cancel`, { reason: 'wrong Macs' });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      state: 'cancelled',
      replayable: true,
      cancel: { by: 'token:admin', reason: 'wrong Macs' },
    });
    await test.sweep();
    expect(await findings()).toContain('token:admin: wrong Macs');
    test.clock.advance(30 * 86_400_000);
    await hear(test, mac);
    await test.sweep();
    expect((await newest())['id']).toBe(id);
    expect((await post(`${id}/replay`)).status).toBe(202);
    await test.sweep();
    expect(await newest()).toMatchObject({ state: 'queued', generation: 2 });
    expect(await findings()).not.toContain('JOB_CANCELLED');
    expect((await post(`${id}/replay`)).body).toMatchObject({ code: 'JOB_NOT_REPLAYABLE' });
  });

  it('gives way to a new policy revision', async () => {
    const { id } = await newest();
    await post(`${id}/cancel`, { reason: 'wrong quota' });
    await give(16);
    expect(await newest()).toMatchObject({ state: 'queued', generation: 2 });
  });

  it('comes too late for a job that has ended, and says how it ended', async () => {
    const { id } = await failNewest('KDK_IMAGE_DAMAGED');
    const reply = await post(`${id}/cancel`, { reason: 'late' });
    expect(reply.status).toBe(409);
    expect(reply.body).toMatchObject({ code: 'JOB_TOO_LATE', state: 'failed' });
  });

  it('asks for a reason and for the right, and knows its jobs', async () => {
    const { id } = await newest();
    expect((await post(`${id}/cancel`, {})).status).toBe(400);
    const body = { reason: 'why not' };
    expect((await test.call('POST', `/api/v1/jobs/${id}/cancel`, { role: 'technician', body })).status).toBe(403);
    expect((await post(`${uuidv7()}/cancel`, body)).status).toBe(404);
    expect((await newest())['state']).toBe('queued');
  });
});

describe('dead letters', () => {
  it('are listed while nothing came after them, and replayed by one call', async () => {
    const job = await failNewest('KC_KERNEL_WRONG');
    const dead = (await list('replayable=true&errorCode=KC_KERNEL_WRONG')).map(({ id }) => id);
    expect(dead).toEqual([job['id']]);
    const reply = await post('replay', { errorCode: 'KC_KERNEL_WRONG' });
    expect([reply.status, reply.body]).toEqual([202, { replayed: 1, more: false }]);
    await test.sweep();
    expect(await newest()).toMatchObject({ state: 'queued', generation: 2 });
    expect(await list('replayable=true&errorCode=KC_KERNEL_WRONG')).toEqual([]);
    const audit = await test.database.prisma.audit.findMany({ where: { entityId: String(job['id']) } });
    expect(audit.map(({ action, actor }) => `${action} by ${actor}`)).toContain('job.replay by token:admin');
    const told = await test.database.prisma.hostEvent.findFirst({ where: { hostId: mac, kind: 'step.replayed' } });
    expect(told?.detail, 'watchers say the state that the timeline says').toMatchObject({ state: 'failed' });
  });
});
