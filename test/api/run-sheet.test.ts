// Goal: whoever may see a visit can print its page; the code stands on it only when the visit is open and the reader may open it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { plainFacts } from '../../apps/controller/src/visits/run-sheet/example.ts';
import { addMac, openTestApi, type TestApi } from './support.ts';

const CODE = '7Q2MZ4K0TX';
let test: TestApi;
let hostId: string;
let visitId: string;
beforeAll(async () => {
  test = await openTestApi();
  const now = test.clock.now();
  const { siteId, prisma } = test.database;
  hostId = await addMac(test, { labels: ['lab'], facts: plainFacts });
  const row = { siteId, hostId, state: 'succeeded', createdAt: now, finishedAt: now };
  visitId = uuidv7(now.getTime());
  const job = { id: uuidv7(now.getTime()), lane: 'plan', stepIndex: 2, kind: 'place_kit' };
  await prisma.job.create({ data: { ...row, ...job, result: { scriptMd5: 'ef'.repeat(16) } } });
  const visit = { id: visitId, siteId, hostId, kind: 'raise', reason: 'The kit lies on the Mac.', createdAt: now };
  await prisma.visit.create({ data: { ...visit, state: 'open', code: CODE, quota: 16, openedAt: now } });
});
afterAll(() => test.stop());

const get = (path: string, accept: string, role: 'technician' | 'reader' = 'technician') =>
  test.call('GET', path, { role, headers: { accept } });

describe('the run sheet', () => {
  it('is HTML for a browser and text for whoever asks for it', async () => {
    const html = await get(`/api/v1/visits/${visitId}/run-sheet`, 'text/html,*/*;q=0.8');
    expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(html.headers.get('cache-control')).toBe('no-store');
    expect(String(html.body)).toMatch(/^<!doctype html>/);
    const text = await get(`/api/v1/visits/${visitId}/run-sheet`, 'text/plain');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    for (const part of [
      `raise ${CODE}`,
      'ef'.repeat(16),
      'lab',
      `${test.url}/api/v1/hosts/${hostId}`,
      'Mac14,12',
      'Owner account: ada',
    ])
      expect(String(text.body).replace(/\s+/g, ' ')).toContain(part);
  });

  it('shows its code to nobody who may not open visits, and to nobody before it is open', async () => {
    const reader = await get(`/api/v1/visits/${visitId}/run-sheet`, 'text/plain', 'reader');
    expect(reader.status).toBe(200);
    expect(String(reader.body)).not.toContain(CODE);
    const { visit } = test.database.prisma;
    await visit.update({ where: { id: visitId }, data: { state: 'due' } });
    expect(String((await get(`/api/v1/visits/${visitId}/run-sheet`, 'text/plain')).body)).not.toContain(CODE);
    await visit.update({ where: { id: visitId }, data: { state: 'open' } });
  });

  it('shows what admins keep of the place', async () => {
    const set = {
      location: 'Basel',
      assetTag: '4711',
      ownerAccount: 'ada',
      passwordLink: 'https://v.example/{assetTag}',
    };
    await test.call('PATCH', `/api/v1/hosts/${hostId}/place`, { body: set });
    const text = String((await get(`/api/v1/visits/${visitId}/run-sheet`, 'text/plain')).body).replace(/\s+/g, ' ');
    for (const part of ['Basel', 'asset tag 4711', 'https://v.example/4711', 'an owner by what the Mac says'])
      expect(text).toContain(part);
  });

  it('of an overdue visit can be that of a Mac which does not come back', async () => {
    const { body } = await get(`/api/v1/visits/${visitId}/run-sheet?as=recover`, 'text/plain');
    expect(String(body)).toMatch(/LOOK AT A MAC THAT IS LOST[\s\S]*csrutil enable/);
    expect((await get(`/api/v1/visits/${visitId}/run-sheet?as=raise`, 'text/plain')).status).toBe(400);
  });

  it('is printed for many visits at once: those named, or those of a route', async () => {
    const { siteId, prisma } = test.database;
    const now = test.clock.now();
    const other = await addMac(test);
    const id = uuidv7(now.getTime());
    const visit = {
      id,
      siteId,
      hostId: other,
      kind: 'restart',
      state: 'due',
      reason: 'x',
      owner: 'kim',
      createdAt: now,
    };
    await prisma.visit.create({ data: visit });
    const pages = async (query: string) =>
      String((await get(`/api/v1/run-sheets?${query}`, 'text/plain')).body).split('\f');
    const named = await pages(`visit=${visitId}&visit=${id}`);
    expect(named.map((text) => text.split('\n')[0])).toEqual([
      'VISIT: RAISE THE MACOS GUEST QUOTA',
      'VISIT: RESTART THIS MAC',
    ]);
    expect(named[0]).toContain(CODE);
    expect((await pages('owner=kim')).map((text) => text.includes(id))).toEqual([true]);
    const html = String((await get('/api/v1/run-sheets', 'text/html')).body);
    expect(html.match(/<article>/g)).toHaveLength(2);
    const reader = await get(`/api/v1/run-sheets?visit=${visitId}`, 'text/plain', 'reader');
    expect(String(reader.body)).not.toContain(CODE);
    const unknown = await get(`/api/v1/run-sheets?visit=${visitId}&visit=${hostId}`, 'text/plain');
    expect(unknown.body['code']).toBe('NOT_FOUND');
  });

  it('is none for a visit that does not exist', async () => {
    const { status, body } = await get(`/api/v1/visits/${hostId}/run-sheet`, 'text/html');
    expect([status, body['code']]).toEqual([404, 'NOT_FOUND']);
  });
});

describe('the break-glass page', () => {
  it('can be printed for every Mac, in both forms', async () => {
    const { group } = plainFacts.volumes;
    for (const accept of ['text/html', 'text/plain'])
      expect(String((await get(`/api/v1/hosts/${hostId}/break-glass`, accept, 'reader')).body)).toContain(
        `bputil -g -v ${group}`,
      );
  });

  it('is there for a Mac that never reported', async () => {
    const silent = await addMac(test);
    expect(String((await get(`/api/v1/hosts/${silent}/break-glass`, 'text/plain')).body)).toContain(
      'bputil -g -v GROUP',
    );
  });
});
