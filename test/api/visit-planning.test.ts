// Goal: visits are planned by people without running over each other; a drain is said and taken back; silence is explained for a
// while and then named; and nothing of it ends a visit.
import type { Facts } from '@headroom/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { raisedFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, hear, itemsOf, openTestApi, type Reply, report, type TestApi } from './support.ts';

const MINUTE_MS = 60_000;
/** Stock is wanted and the stored arguments are gone: a person has to come. */
const LOWERED: Facts = {
  ...raisedFacts(),
  bootArgs: { ...raisedFacts().bootArgs, storedPresent: false, stored: null },
};

let test: TestApi;
let hostId: string;
beforeAll(async () => {
  test = await openTestApi();
});
beforeEach(async () => {
  hostId = await addMac(test);
});
afterAll(() => test.stop());

/** A visit of kind revert, due. */
async function dueVisit(host = hostId, facts = LOWERED): Promise<string> {
  await report(test, host, facts, true);
  await test.database.prisma.hostState.update({ where: { hostId: host }, data: { record: { everRaised: true } } });
  await test.sweep();
  const { id } = await test.database.prisma.visit.findFirstOrThrow({ where: { hostId: host, state: 'due' } });
  return id;
}

const get = (id: string) => test.call('GET', `/api/v1/visits/${id}`, { role: 'technician' });
const act = (id: string, what: string, body?: object, headers: Record<string, string> = {}): Promise<Reply> =>
  test.call('POST', `/api/v1/visits/${id}/${what}`, { role: 'technician', headers, ...(body && { body }) });
const host = async (id = hostId) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;

async function events(id = hostId): Promise<readonly string[]> {
  const rows = await test.database.prisma.hostEvent.findMany({ where: { hostId: id }, orderBy: { id: 'asc' } });
  return rows.map(({ kind }) => kind).filter((kind) => kind.startsWith('visit.'));
}

describe('planning', () => {
  it('a visit is due without anybody saying so, and can be given away and put off', async () => {
    const id = await dueVisit();
    const { body } = await get(id);
    expect(body).toMatchObject({ kind: 'revert', state: 'due', owner: null });
    expect(Date.parse(String(body['dueAt']))).toBe(test.clock.now().getTime() + 3 * 24 * 60 * MINUTE_MS);

    expect((await act(id, 'assign', { owner: 'kim' })).body).toMatchObject({ owner: 'kim' });
    const dueAt = new Date(test.clock.now().getTime() + 60 * MINUTE_MS).toISOString();
    expect((await act(id, 'postpone', { dueAt, reason: 'rack is locked' })).body).toMatchObject({ dueAt });
    expect(await events()).toEqual(['visit.due', 'visit.assigned', 'visit.postponed']);
    const audit = await test.database.prisma.audit.findMany({ where: { entityId: id }, orderBy: { id: 'asc' } });
    expect(audit.map(({ action, actor }) => [action, actor])).toEqual([
      ['visit.due', 'system:evaluator'],
      ['visit.assigned', 'token:technician'],
      ['visit.postponed', 'token:technician'],
    ]);
    expect(audit[2]?.after).toMatchObject({ dueAt, reason: 'rack is locked', before: body['dueAt'] });
  });

  it('to the past is refused, and so is a visit that is over', async () => {
    const id = await dueVisit();
    const past = await act(id, 'postpone', { dueAt: test.clock.now().toISOString() });
    expect([past.status, past.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    await test.database.prisma.visit.update({ where: { id }, data: { state: 'withdrawn' } });
    for (const [what, body] of [
      ['assign', { owner: 'kim' }],
      ['drain', undefined],
      ['done', undefined],
      ['cancel', { reason: 'x' }],
    ] as const)
      expect([what, (await act(id, what, body)).body['code']]).toEqual([what, 'VISIT_NOT_OPEN']);
  });

  it('by two people at once: the one who saw an older visit is told so', async () => {
    const id = await dueVisit();
    const seen = (await get(id)).headers.get('etag') ?? '';
    const first = await act(id, 'assign', { owner: 'kim' }, { 'if-match': seen });
    expect(first.status).toBe(200);
    for (const [what, body] of [
      ['assign', { owner: 'lee' }],
      ['postpone', { dueAt: '2030-01-01T00:00:00.000Z' }],
      ['drain', undefined],
      ['open', undefined],
    ] as const)
      expect([what, (await act(id, what, body, { 'if-match': seen })).status]).toEqual([what, 412]);
    expect((await get(id)).body).toMatchObject({ owner: 'kim', drainedSince: null, state: 'due' });
    const now = first.headers.get('etag') ?? '';
    expect((await act(id, 'assign', { owner: null }, { 'if-match': now })).body).toMatchObject({ owner: null });
  });
});

describe('lists and routes', () => {
  const LOCATION = 'Basel';
  const PLACES = ['rack 10', 'rack 2', null, 'Rack 2'] as const;
  const ids: string[] = [];
  beforeAll(async () => {
    for (const place of PLACES) {
      const mac = await addMac(test);
      await test.call('PATCH', `/api/v1/hosts/${mac}/place`, { body: { location: LOCATION, place } });
      ids.push(await dueVisit(mac));
    }
    await act(ids[1] ?? '', 'assign', { owner: 'noor' });
    await act(ids[3] ?? '', 'postpone', { dueAt: '2030-01-01T00:00:00.000Z' });
  });

  const list = async (query: string) =>
    itemsOf((await test.call('GET', `/api/v1/visits?location=${LOCATION}&${query}`)).body).map((item) =>
      ids.indexOf(String(item['id'])),
    );

  it.each([
    ['', [0, 1, 2, 3]],
    ['owner=noor', [1]],
    ['unassigned=true', [0, 2, 3]],
    ['dueBefore=2029-01-01T00:00:00.000Z', [0, 1, 2]],
    ['kind=raise', []],
    ['kind=revert&state=due&owner=noor', [1]],
    ['state=open', []],
    ['overdue=true', []],
  ])('?%s', async (query, expected) => {
    expect(await list(query)).toEqual(expected);
  });

  it('goes on from a cursor', async () => {
    const first = (await test.call('GET', `/api/v1/visits?location=${LOCATION}&limit=3`)).body;
    expect(itemsOf(first)).toHaveLength(3);
    expect(await list(`limit=3&cursor=${String(first['nextCursor'])}`)).toEqual([3]);
  });

  it('the route goes by place as one walks, rack 2 before rack 10, the unknown place last', async () => {
    const { body } = await test.call('GET', `/api/v1/visit-route?location=${LOCATION}`, { role: 'technician' });
    const stops = body['stops'] as unknown as { place: string | null; visits: { id: string }[] }[];
    expect(stops.map(({ place, visits }) => [place, visits.map(({ id }) => ids.indexOf(id))])).toEqual([
      ['rack 2', [1, 3]],
      ['rack 10', [0]],
      [null, [2]],
    ]);
    expect(body['more']).toBe(false);
  });
});

describe('a drain', () => {
  const guests = (processesAtMost: number | null): Facts => ({
    ...LOWERED,
    guests: { ...LOWERED.guests, processesAtMost },
  });
  const clear = async (id: string) => (await get(id)).body['guests']?.['clearToShutDown'];

  it('is said once, shows the guests, and is over when the visit is', async () => {
    const id = await dueVisit(hostId, guests(2));
    await act(id, 'drain');
    await act(id, 'drain');
    expect((await get(id)).body).toMatchObject({ guests: { processesAtMost: 2, clearToShutDown: false } });
    await report(test, hostId, guests(0));
    expect(await clear(id), 'counted before the drain, perhaps').toBeNull();
    test.clock.advance(10_000);
    await report(test, hostId, guests(0));
    expect(await clear(id)).toBe(true);
    await report(test, hostId, guests(null));
    expect(await clear(id), 'unknown is not clear').toBeNull();
    await report(test, hostId, guests(0));
    await act(id, 'open');
    expect(await events()).toEqual(['visit.due', 'visit.drain', 'visit.open']);
    await test.database.prisma.intent.update({ where: { hostId }, data: { number: 0 } });
    await report(test, hostId, guests(0), true);
    await test.sweep();
    expect((await events()).slice(3)).toEqual(['visit.withdrawn', 'visit.over']);
  });

  it('comes with opening, and ends with a cancel: the visit is due again, without its line', async () => {
    const id = await dueVisit();
    await act(id, 'open');
    expect((await get(id)).body['drainedSince']).not.toBeNull();
    const { body } = await act(id, 'cancel', { reason: 'called away' });
    expect(body).toMatchObject({ state: 'due', openedAt: null, drainedSince: null });
    expect(await events()).toEqual(['visit.due', 'visit.drain', 'visit.open', 'visit.cancelled', 'visit.over']);
    expect((await act(id, 'cancel', { reason: 'again' })).body['code']).toBe('VISIT_NOT_OPEN');
  });

  it('ends with the Mac', async () => {
    const id = await dueVisit();
    await act(id, 'drain');
    await test.call('POST', `/api/v1/hosts/${hostId}/forget`, { body: { reason: 'stolen' } });
    expect((await events()).slice(2)).toEqual(['visit.withdrawn', 'visit.over']);
  });

  it('of a Mac that is not heard of is never clear', async () => {
    const id = await dueVisit(hostId, guests(0));
    await act(id, 'drain');
    test.clock.advance(10_000);
    await hear(test, hostId);
    expect(await clear(id)).toBe(true);
    test.clock.advance(5 * MINUTE_MS);
    await test.sweep();
    expect(await clear(id)).toBeNull();
  });
});

describe('silence in a visit', () => {
  const pass = async (minutes: number) => {
    test.clock.advance(minutes * MINUTE_MS);
    await test.sweep();
    const { presence, state } = await host();
    return [presence, state];
  };

  it('is expected; past the window of a done the Mac is overdue by time alone, with causes; heard again, it is back', async () => {
    const id = await dueVisit();
    await act(id, 'open');
    expect(await pass(20)).toEqual(['in_visit', 'foreign_kernel']);
    expect((await act(id, 'done')).body).toMatchObject({ state: 'open', doneBy: 'token:technician' });
    expect(await pass(6)).toEqual(['in_visit', 'foreign_kernel']);
    expect(await events()).not.toContain('visit.overdue');
    // 5 min and three check-ins of 30 s after the done, where an undone visit explains an hour.
    expect(await pass(1)).toEqual(['silent', 'failed_boot']);
    const { body } = await get(id);
    expect(body).toMatchObject({ state: 'open', overdueSince: test.clock.now().toISOString() });
    const causes = body['overdueCauses'] as unknown as { id: string }[];
    expect(causes.map((cause) => cause.id)).toEqual(['still_in_recovery', 'failed_boot', 'daemon_off']);
    const { findings, waitsFor } = await host();
    expect(JSON.stringify(findings)).toMatch(/VISIT_OVERDUE.*Look|VISIT_OVERDUE.*look/);
    expect(waitsFor).toMatch(/Overdue/);
    const overdue = await test.call('GET', '/api/v1/visits?overdue=true');
    expect(itemsOf(overdue.body).map((visit) => visit['id'])).toEqual([id]);

    await pass(10);
    expect((await events()).filter((kind) => kind === 'visit.overdue')).toHaveLength(1);
    await hear(test, hostId);
    await test.sweep();
    expect((await get(id)).body).toMatchObject({ state: 'open', overdueSince: null, overdueCauses: [] });
    expect((await events()).at(-1)).toBe('visit.back');
  });

  it('without a done lasts an hour', async () => {
    const id = await dueVisit();
    await act(id, 'open');
    expect(await pass(59)).toEqual(['in_visit', 'foreign_kernel']);
    expect(await pass(1)).toEqual(['silent', 'failed_boot']);
  });

  it('the note "done" says the same as the button, no other note does', async () => {
    const id = await dueVisit();
    await act(id, 'open');
    await act(id, 'note', { text: 'done with the display' });
    expect((await get(id)).body['doneAt']).toBeNull();
    await act(id, 'note', { text: 'Done.' });
    expect((await get(id)).body['doneAt']).toBe(test.clock.now().toISOString());
    expect(await events()).toEqual([
      'visit.due',
      'visit.drain',
      'visit.open',
      'visit.note',
      'visit.note',
      'visit.done',
    ]);
  });

  it('nothing can be done in a visit that nobody opened', async () => {
    const id = await dueVisit();
    await act(id, 'note', { text: 'done' });
    expect((await act(id, 'done')).body).toMatchObject({ code: 'VISIT_NOT_OPEN' });
    expect((await get(id)).body['doneAt']).toBeNull();
  });

  it('of a Mac with a custom kernel for a day makes a recover visit, which ends by itself when it is heard', async () => {
    await report(test, hostId, raisedFacts(), true);
    await test.database.prisma.intent.update({ where: { hostId }, data: { number: 1 } });
    await test.database.prisma.visit.updateMany({ where: { hostId }, data: { state: 'withdrawn' } });
    const before = await test.database.prisma.visit.count({ where: { hostId } });
    await pass(23 * 60);
    expect(await test.database.prisma.visit.count({ where: { hostId } })).toBe(before);
    expect(await pass(61)).toEqual(['lost', 'foreign_kernel']);
    const { id } = await test.database.prisma.visit.findFirstOrThrow({ where: { hostId, kind: 'recover' } });
    const { body } = await act(id, 'open');
    expect(body).toMatchObject({ code: null, line: 'sh /Volumes/*/Library/Headroom/revert' });
    expect(body['instruction']).toMatch(/^Look at the screen first/);
    await hear(test, hostId);
    await test.sweep();
    expect((await get(id)).body).toMatchObject({ kind: 'recover', state: 'closed' });
  });
});
