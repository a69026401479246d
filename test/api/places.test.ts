// Goal: admins say where a Mac stands; nobody overwrites another's change unseen, no password is taken, and a Mac that nobody
// gets to is given no visit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raisedFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const change = (hostId: string, body: object, headers: Record<string, string> = {}) =>
  test.call('PATCH', `/api/v1/hosts/${hostId}/place`, { body, headers });

describe('the place of a Mac', () => {
  it('is not known before somebody says it', async () => {
    const id = await addMac(test);
    const { status, body } = await test.call('GET', `/api/v1/hosts/${id}/place`, { role: 'reader' });
    expect([status, body['location'], body['placeType'], body['updatedAt']]).toEqual([200, null, null, null]);
  });

  it('is changed field by field, shown with the host, and audited', async () => {
    const id = await addMac(test);
    await change(id, { location: 'Zürich', placeType: 'rack', recoveryLock: 'yes' });
    const { body } = await change(id, { place: 'rack 7, shelf 2', recoveryLock: null });
    const expected = { location: 'Zürich', place: 'rack 7, shelf 2', placeType: 'rack', recoveryLock: null };
    expect(body).toMatchObject({ ...expected, updatedBy: 'token:admin' });
    expect((await test.call('GET', `/api/v1/hosts/${id}`)).body['place']).toMatchObject(expected);
    const audit = await test.database.prisma.audit.findMany({
      where: { entityId: id, action: 'host.place' },
      orderBy: { id: 'asc' },
    });
    expect(audit).toMatchObject([
      { actor: 'token:admin', before: null, after: { location: 'Zürich', place: null } },
      { before: { recoveryLock: 'yes' }, after: { recoveryLock: null, place: 'rack 7, shelf 2' } },
    ]);
  });

  it('is not overwritten by who saw an older one', async () => {
    const id = await addMac(test);
    const seen = (await test.call('GET', `/api/v1/hosts/${id}/place`)).headers.get('etag') ?? '';
    expect((await change(id, { place: 'A' }, { 'if-match': seen })).status).toBe(200);
    const late = await change(id, { place: 'B' }, { 'if-match': seen });
    expect([late.status, late.body['code']]).toEqual([412, 'PRECONDITION_FAILED']);
    expect((await test.call('GET', `/api/v1/hosts/${id}/place`)).body['place']).toBe('A');
  });

  it.each([
    { passwordLink: 'https://ada:hunter2@vault.example/' },
    { passwordLink: 'http://vault.example/{serial}' },
    { ownerAccount: 'ada hunter2' },
    { ownerAccount: 'ada:hunter2' },
    { password: 'hunter2' },
    { location: 'a\u2028b' },
    { placeType: 'cellar' },
  ])('takes no %j', async (body) => {
    const id = await addMac(test);
    const reply = await change(id, body);
    expect([reply.status, reply.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    expect(await test.database.prisma.hostPlace.count({ where: { hostId: id } })).toBe(0);
  });

  it('is set for a whole selection at once, and for nobody else', async () => {
    const [one, other, outside] = [
      await addMac(test, { labels: ['floor-3'] }),
      await addMac(test, { labels: ['floor-3'] }),
      await addMac(test),
    ];
    await change(one, { assetTag: '4711' });
    const set = { location: 'Bern', passwordLink: 'https://vault.example/{serial}' };
    const { body } = await test.call('PATCH', '/api/v1/places', { body: { selector: { labels: ['floor-3'] }, set } });
    expect(body['hosts']).toBe(2);
    const rows = await test.database.prisma.hostPlace.findMany({ where: { hostId: { in: [one, other, outside] } } });
    expect(rows.map(({ hostId }) => hostId).sort()).toEqual([one, other].sort());
    for (const row of rows) expect(row).toMatchObject(set);
    expect(rows.find(({ hostId }) => hostId === one)?.assetTag).toBe('4711');
  });

  it('without hands: no visit is made, and a finding says so', async () => {
    const raised = raisedFacts();
    const id = await addMac(test, {
      facts: { ...raised, bootArgs: { ...raised.bootArgs, storedPresent: false, stored: null } },
    });
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { record: { everRaised: true } } });
    const look = async () => {
      await test.sweep();
      const { body } = await test.call('GET', `/api/v1/hosts/${id}`);
      const codes = (body['findings'] as unknown as { code: string }[]).map(({ code }) => code);
      return [codes.includes('NO_HANDS'), body['visit']?.['kind'] ?? null];
    };
    await change(id, { placeType: 'no_hands' });
    expect(await look()).toEqual([true, null]);
    await change(id, { placeType: 'remote_hands' });
    expect(await look()).toEqual([false, 'revert']);
  });
});
