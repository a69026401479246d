// Goal: the fleet can be read page by page and by cause, and what can never be raised is left alone, with the reason.
import { type Facts, RULES_VERSION } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { KDK, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, itemsOf, openTestApi, type ReplyBody, report, type TestApi } from './support.ts';

const hardware = (changes: Partial<Facts['hardware']>, variant: string): Facts => {
  const facts = stockFacts();
  return { ...facts, hardware: { ...facts.hardware, ...changes }, kernel: { ...facts.kernel, variant } };
};
const GUEST = hardware({ virtualMachine: true, model: 'VirtualMac2,1' }, 'VMAPPLE');
const INTEL = hardware({ appleSilicon: false, model: 'MacBookPro15,1', chip: 'Intel Core i7' }, 'X86_64');

let test: TestApi;
const macs: string[] = [];
let guest = '';
let intel = '';
beforeAll(async () => {
  test = await openTestApi();
  for (let index = 0; index < 5; index += 1) {
    test.clock.advance(10);
    macs.push(await addMac(test, { labels: index % 2 === 0 ? ['lab', 'even'] : ['lab'], facts: stockFacts() }));
  }
  test.clock.advance(10);
  guest = await addMac(test, { labels: ['odd'], facts: GUEST });
  test.clock.advance(10);
  intel = await addMac(test, { labels: ['odd'], facts: INTEL });
  const { siteId } = test.database;
  await test.database.prisma.kdk.create({
    data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, addedBy: 'system:test', addedAt: test.clock.now() },
  });
  await test.sweep();
});
afterAll(() => test.stop());

const list = async (query: string) => (await test.call('GET', `/api/v1/hosts${query}`)).body;
const ids = (body: ReplyBody) => itemsOf(body).map(({ id }) => String(id));

describe('the list of Macs', () => {
  it('is paged by cursor: every Mac once, in order', async () => {
    const seen: string[] = [];
    let cursor: unknown = null;
    do {
      const page = await list(`?limit=3${cursor === null ? '' : `&cursor=${String(cursor)}`}`);
      expect(itemsOf(page).length).toBeLessThanOrEqual(3);
      seen.push(...ids(page));
      cursor = page['nextCursor'];
    } while (cursor !== null);
    expect(seen).toHaveLength(7);
    expect(seen.slice(0, 5)).toEqual(macs);
    expect(new Set(seen).size).toBe(7);
  });

  it('is filtered by label, by several, by state and by site', async () => {
    expect(ids(await list('?label=even'))).toEqual([macs[0], macs[2], macs[4]]);
    expect(ids(await list('?label=lab&label=even'))).toEqual([macs[0], macs[2], macs[4]]);
    expect(ids(await list('?label=odd&label=even'))).toEqual([]);
    expect(ids(await list('?state=unsupported')).sort()).toEqual([guest, intel].sort());
    expect(itemsOf(await list(`?site=${test.database.siteId}`))).toHaveLength(7);
    expect(itemsOf(await list('?site=00000000-0000-7000-8000-000000000000'))).toHaveLength(0);
  });

  it('says what each one is and wants', async () => {
    const [first] = itemsOf(await list('?limit=1'));
    expect(first).toMatchObject({ state: 'not_started', presence: 'online', quotaWanted: 2, labels: ['even', 'lab'] });
  });

  it('leaves out Macs that were retired', async () => {
    const extra = await addMac(test, { labels: ['extra'] });
    await test.database.prisma.host.update({ where: { id: extra }, data: { retiredAt: test.clock.now() } });
    expect(ids(await list('?label=extra'))).toEqual([]);
    expect((await test.call('GET', `/api/v1/hosts/${extra}`)).status).toBe(404);
    const state = { where: { hostId: extra } };
    const past = { dueAt: test.clock.now(), presence: 'lost', evaluatedAt: new Date(0) };
    await test.database.prisma.hostState.update({ ...state, data: past });
    await test.database.prisma.hostReport.update({ ...state, data: { lastSeenAt: test.clock.now() } });
    for (let turn = 0; turn < 2; turn += 1) {
      await test.sweep();
      const rests = await test.database.prisma.hostState.findUniqueOrThrow(state);
      expect(rests).toMatchObject({ dueAt: null, reviewAt: null });
      await test.api.evaluatorLoop.sweepOnce(test.clock.now());
    }
    expect((await test.call('GET', '/api/v1/readiness')).body).toMatchObject({ hosts: 7 });
  });
});

describe('labels', () => {
  it('are put and deleted, twice the same as once, with an audit row for each change', async () => {
    const path = `/api/v1/hosts/${macs[0]}/labels/new`;
    for (let turn = 0; turn < 2; turn += 1)
      expect((await test.call('PUT', path)).body).toMatchObject({ labels: ['even', 'lab', 'new'] });
    for (let turn = 0; turn < 2; turn += 1)
      expect((await test.call('DELETE', path)).body).toMatchObject({ labels: ['even', 'lab'] });
    for (const action of ['host.label', 'host.unlabel']) {
      const audit = await test.call('GET', `/api/v1/audit?entity=host&entityId=${macs[0]}&action=${action}`);
      expect(itemsOf(audit.body)).toMatchObject([{ action, actor: 'token:admin' }]);
    }
    expect((await test.call('PUT', '/api/v1/hosts/00000000-0000-7000-8000-000000000000/labels/x')).status).toBe(404);
  });
});

describe('a guest and an Intel Mac', () => {
  it('are unsupported with the reason, and never get a plan, a job or a visit', async () => {
    const body = { name: 'odd', quota: 255, selector: { labels: ['odd', 'lab'] }, exception: EXCEPTION, apply: true };
    const applied = await test.call('POST', '/api/v1/policies', { body });
    await test.sweep();
    for (const [id, code] of [
      [guest, 'HOST_IS_GUEST'],
      [intel, 'HOST_INTEL'],
    ]) {
      const { body: view } = await test.call('GET', `/api/v1/hosts/${id}`);
      expect(view).toMatchObject({ state: 'unsupported', plan: null, visit: null, intent: { quota: 255 } });
      expect(JSON.stringify(view['findings'])).toContain(code);
    }
    const odd = { hostId: { in: [guest, intel] } };
    expect(await test.database.prisma.plan.count({ where: odd })).toBe(0);
    expect(await test.database.prisma.job.count({ where: odd })).toBe(0);
    expect(await test.database.prisma.job.count()).toBe(5);
    const rollout = await test.call('GET', `/api/v1/rollouts/${String(applied.body['rolloutId'])}`);
    expect(rollout.body).toMatchObject({ state: 'running', targets: { opened: 5, failed: 2 } });
    const reasons = (rollout.body['targetList'] as unknown as readonly ReplyBody[]).map(({ reason }) => String(reason));
    expect(reasons.filter((reason) => reason.includes('Apple silicon') || reason.includes('guest'))).toHaveLength(2);
  });

  it('stand in what blocks the fleet', async () => {
    const { byState, blockedBy } = (await test.call('GET', '/api/v1/readiness')).body;
    expect(byState).toMatchObject({ unsupported: 2, not_started: 5 });
    const codes = (blockedBy as unknown as readonly ReplyBody[]).map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['HOST_IS_GUEST', 'HOST_INTEL']));
  });
});

describe('the evaluator', () => {
  it('lets one Mac that cannot be evaluated hold up nobody', async () => {
    const [first = '', second = ''] = macs;
    await test.database.prisma.hostReport.update({ where: { hostId: first }, data: { facts: { schemaVersion: 1 } } });
    await test.database.prisma.hostState.update({ where: { hostId: first }, data: { dueAt: test.clock.now() } });
    await report(test, second, GUEST);
    await test.sweep();
    expect((await test.call('GET', `/api/v1/hosts/${second}`)).body).toMatchObject({ state: 'unsupported' });
    const stuck = await test.database.prisma.hostState.findUniqueOrThrow({ where: { hostId: first } });
    expect(stuck.dueAt).toBeNull();
    expect(stuck.reviewAt?.getTime()).toBeGreaterThan(test.clock.now().getTime());
  });

  it('notices silence and return by the sweep alone', async () => {
    const third = macs[2] ?? '';
    const presence = async () => (await test.call('GET', `/api/v1/hosts/${third}`)).body['presence'];
    for (const [minutes, expected] of [
      [2, 'asleep'],
      [20, 'silent'],
      [1500, 'lost'],
    ] as const) {
      test.clock.advance(minutes * 60_000);
      await test.sweep();
      expect(await presence()).toBe(expected);
    }
    test.clock.advance(1);
    await test.database.prisma.hostReport.update({ where: { hostId: third }, data: { lastSeenAt: test.clock.now() } });
    await test.sweep();
    expect(await presence()).toBe('online');
  });

  it('judges anew what rules of an earlier release judged, though the Mac has nothing new to say', async () => {
    const hostId = macs[3] ?? '';
    const older = { rulesVersion: 1, waitsFor: 'what nobody waits for any more', dueAt: null, reviewAt: null };
    await test.database.prisma.hostState.update({ where: { hostId }, data: older });
    await test.sweep();
    expect(await test.database.prisma.hostState.findUniqueOrThrow({ where: { hostId } }), 'once a day').toMatchObject(
      older,
    );
    test.clock.advance(24 * 3_600_000);
    await test.sweep();
    const { rulesVersion, waitsFor, dueAt } = await test.database.prisma.hostState.findUniqueOrThrow({
      where: { hostId },
    });
    expect([rulesVersion, dueAt]).toEqual([RULES_VERSION, null]);
    expect(waitsFor).not.toBe(older.waitsFor);
  });
});
