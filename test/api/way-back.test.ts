// Goal: what is raised is taken back by one call for a selection, and a Mac is retired only when it is proven to be back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import {
  kcStagedFacts,
  kdkReadyFacts,
  kitPlacedFacts,
  raisedFacts,
  stockFacts,
} from '../../packages/core/testing/sample-host.ts';
import { addMac, addRaisedMac, EXCEPTION, finishJob, openTestApi, report, type TestApi } from './support.ts';

let test: TestApi;
const macs: string[] = [];
let idle = '';
beforeAll(async () => {
  test = await openTestApi();
  for (let index = 0; index < 4; index += 1) macs.push(await addRaisedMac(test, ['lab']));
  idle = await addMac(test, { labels: ['lab', 'idle'], facts: stockFacts() });
  const body = { name: 'lab', quota: 255, selector: { hosts: macs }, exception: EXCEPTION, apply: true };
  await test.call('POST', '/api/v1/policies', { body });
  await test.sweep();
});
afterAll(() => test.stop());

const post = async (path: string, body: object) => (await test.call('POST', `/api/v1${path}`, { body })).body;
const host = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;
const quotas = async () =>
  (await test.database.prisma.intent.findMany({ where: { hostId: { in: macs } }, orderBy: { hostId: 'asc' } })).map(
    ({ quota }) => quota,
  );
const [CLEARED, RELEASE] = [
  { ...raisedFacts(), bootArgs: { ...raisedFacts().bootArgs, storedPresent: false, stored: null } },
  stockFacts(),
];

describe('the way back of a selection', () => {
  it('is shown before it is taken: which Macs, which not and why, and the policy that would raise them again', async () => {
    const dry = await post('/reverts', { selector: { labels: ['lab'] }, reason: 'end of term', dryRun: true });
    expect(dry).toMatchObject({
      rolloutId: null,
      hosts: 4,
      leftOut: [{ reason: 'Stock is wanted of this Mac already.', hosts: 1, samples: [idle] }],
      policies: [{ policy: 'lab', hosts: 4 }],
    });
    expect(await quotas()).toEqual([255, 255, 255, 255]);
  });

  it('is one rollout, named after its reason, for labels, Macs or a filter over what they are now', async () => {
    const filter = `state==raised;uuid==${String((await host(macs[0] ?? ''))['hardwareUuid'])}`;
    const done = await post('/reverts', { selector: { filter, hosts: [macs[1]] }, reason: 'end of term' });
    expect(done).toMatchObject({ hosts: 2, leftOut: [], waitsFor: null });
    const { body } = await test.call('GET', `/api/v1/rollouts/${String(done['rolloutId'])}`);
    expect(body).toMatchObject({ title: 'Back to stock: end of term', quota: 2, createdBy: 'token:admin' });
    expect(await quotas()).toEqual([2, 2, 255, 255]);
    expect(await post(`/hosts/${macs[2]}/revert`, { reason: 'one more' })).toMatchObject({ hosts: 1 });
    expect(await post(`/hosts/${macs[2]}/revert`, { reason: 'again' })).toMatchObject({ rolloutId: null, hosts: 0 });
    expect(await quotas()).toEqual([2, 2, 2, 255]);
    await test.sweep();
    expect((await host(macs[2] ?? ''))['waitsFor']).toMatch(/clear the boot arguments/);
  });
});

describe('a Mac that waits for its turn to be raised', () => {
  it('is taken out of that rollout, and is not raised when its ring opens', async () => {
    const mac = await addMac(test, { labels: ['waits'], facts: stockFacts() });
    const strategy = { rings: [{ name: 'all', take: { kind: 'rest' }, gate: 'manual' }] };
    const body = {
      name: 'waits',
      quota: 8,
      selector: { labels: ['waits'] },
      strategy,
      exception: EXCEPTION,
      apply: true,
    };
    const { rolloutId } = await post('/policies', body);
    expect(await post(`/hosts/${mac}/revert`, { reason: 'not this one' })).toMatchObject({
      hosts: 1,
      policies: [{ policy: 'waits', hosts: 1 }],
    });
    await test.sweep();
    const { body: rollout } = await test.call('GET', `/api/v1/rollouts/${String(rolloutId)}`);
    expect(rollout).toMatchObject({ targets: { superseded: 1 } });
    expect(await host(mac)).toMatchObject({ intent: { quota: 2 } });
    expect(await post(`/hosts/${mac}/revert`, { reason: 'again' })).toMatchObject({ hosts: 0 });
  });
});

describe('retiring a Mac that is raised', () => {
  it('is refused with what was expected and seen; or it is led back first, and retired once that is proven', async () => {
    const id = macs[3] ?? '';
    const refused = await test.call('POST', `/api/v1/hosts/${id}/retire`, { body: { reason: 'sold' } });
    expect([refused.status, refused.body['code']]).toEqual([409, 'HOST_MAY_BE_RAISED']);
    expect(refused.body['detail']).toMatch(/expected proof of stock, seen the state raised/);
    const asked = await post(`/hosts/${id}/retire`, { reason: 'sold', revertFirst: true });
    expect(asked).toMatchObject({ retired: false, rolloutId: expect.any(String) });
    await test.sweep();
    expect(await host(id)).toMatchObject({
      intent: { quota: 2 },
      retiring: { reason: 'sold', by: 'token:admin', rolloutId: asked['rolloutId'] },
    });
    await finishJob(test, id, { stored: null }, CLEARED);
    await test.sweep();
    expect(await host(id)).toMatchObject({ state: 'raised', visit: { kind: 'revert' } });
    // Back at stock, and its kernel collection still lies there: the agent has something left to do.
    await report(test, id, kcStagedFacts(), true);
    await test.sweep();
    expect(await host(id)).toMatchObject({ state: 'reverted', plan: { state: 'open' } });
    await finishJob(test, id, {}, kcStagedFacts());
    await finishJob(test, id, {}, RELEASE);
    await test.sweep();
    await test.sweep();
    expect((await test.call('GET', `/api/v1/hosts/${id}`)).status).toBe(404);
    const ended = (await test.call('GET', '/api/v1/hosts?ended=retired')).body;
    expect(ended['items']).toMatchObject([{ id, state: 'reverted', end: { kind: 'retired', reason: 'sold' } }]);
  });

  it('is dropped when something else is wanted of the Mac since', async () => {
    const id = await addRaisedMac(test, ['again']);
    const body = { name: 'again', quota: 255, selector: { labels: ['again'] }, exception: EXCEPTION, apply: true };
    const { policyId } = await post('/policies', body);
    await test.sweep();
    await post(`/hosts/${id}/retire`, { reason: 'sold', revertFirst: true });
    await test.sweep();
    expect((await host(id))['retiring']).not.toBeNull();
    await post(`/policies/${String(policyId)}/apply`, {});
    await test.sweep();
    await test.sweep();
    expect(await host(id)).toMatchObject({ state: 'raised', intent: { quota: 255 }, retiring: null });
    const dropped = await test.database.prisma.audit.count({ where: { action: 'host.retire_dropped', entityId: id } });
    expect(dropped).toBe(1);
  });

  it('is refused while a visit is under way: it may have got anywhere', async () => {
    const { siteId, prisma } = test.database;
    const now = test.clock.now();
    const visit = { kind: 'raise', state: 'open', reason: 'test', createdAt: now, openedAt: now };
    await prisma.visit.create({ data: { id: macs[0] ?? '', siteId, hostId: idle, ...visit } });
    const refused = await test.call('POST', `/api/v1/hosts/${idle}/retire`, { body: { reason: 'sold' } });
    expect(refused.body['detail']).toMatch(/expected no visit under way, seen a raise visit opened/);
  });
  const retire = async (id: string) =>
    (await test.call('POST', `/api/v1/hosts/${id}/retire`, { body: { reason: 'sold' } })).body;
  const visited = async (hostId: string, changes: object): Promise<void> => {
    const now = test.clock.now();
    const visit = { kind: 'raise', state: 'closed', reason: 'test', createdAt: now, openedAt: now, lastOpenedAt: now };
    const { siteId, prisma } = test.database;
    await prisma.visit.create({ data: { id: uuidv7(now.getTime()), siteId, hostId, ...visit, ...changes } });
    test.clock.advance(1000);
  };

  it.each([
    ['SIP is off', { sip: { status: 'disabled' as const, flags: null } }, /expected sip.status enabled.*disabled/],
    ['whether SIP is on is unread', { sip: { status: null, flags: null } }, /seen sip.status unknown/],
  ])('is refused at an early rung, too, when a visit reached it and %s', async (_name, lowered, says) => {
    const id = await addMac(test, { labels: ['early'], facts: stockFacts() });
    await visited(id, {});
    await report(test, id, { ...kdkReadyFacts(), ...lowered }, true);
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { state: 'kdk_ready' } });
    expect(await retire(id)).toMatchObject({ code: 'HOST_MAY_BE_RAISED', detail: expect.stringMatching(says) });
    await report(test, id, kdkReadyFacts(), true);
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { state: 'kdk_ready' } });
    expect(await retire(id)).toMatchObject({ retired: true });
  });

  it('is refused after a visit that was opened and cancelled, until a boot after that was heard', async () => {
    const id = await addMac(test, { labels: ['cancelled'], facts: stockFacts() });
    await visited(id, { state: 'due', kind: 'restart', openedAt: null, lastOpenedAt: null });
    const { id: visitId } = await test.database.prisma.visit.findFirstOrThrow({ where: { hostId: id } });
    expect(await post(`/visits/${visitId}/open`, {})).toMatchObject({ id: visitId });
    expect(
      (await test.call('POST', `/api/v1/visits/${visitId}/cancel`, { body: { reason: 'not today' } })).status,
    ).toBe(200);
    expect(await retire(id)).toMatchObject({
      code: 'HOST_MAY_BE_RAISED',
      detail: expect.stringMatching(/expected a boot of the Mac after its restart visit was opened/),
    });
    test.clock.advance(1000);
    await report(test, id, stockFacts(), true);
    expect(await retire(id)).toMatchObject({ retired: true });
  });

  it('is refused while raise lies on it: nobody would take it away', async () => {
    const id = await addMac(test, { labels: ['armed'], facts: kitPlacedFacts() });
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { state: 'ready_for_visit' } });
    expect(await retire(id)).toMatchObject({
      code: 'HOST_MAY_BE_RAISED',
      detail: expect.stringMatching(/expected no raise on the Mac, seen the kit of visit/),
    });
    const kit = kitPlacedFacts().visitKit;
    await report(test, id, { ...kitPlacedFacts(), visitKit: kit === null ? null : { ...kit, armed: false } });
    expect(await retire(id)).toMatchObject({ retired: true });
  });
});
