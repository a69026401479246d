// Goal: a risky macOS update keeps a visit back until somebody takes the risk of exactly it; the fleet is shown by target in one question.
import { createHash } from 'node:crypto';
import type { Facts, PlanStep } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KC, kcStagedFacts, kdkReadyFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, hear, itemsOf, openTestApi, report, type TestApi } from './support.ts';

const DAY_MS = 86_400_000;
const OFFERED = { version: '14.6', build: '23G80' };
let test: TestApi;
let ready: string;
let other: string;
let readyFacts: Facts;
beforeAll(async () => {
  test = await openTestApi();
  ready = await addMac(test, { labels: ['lab'], facts: stockFacts() });
  other = await addMac(test, { labels: ['lab'], facts: facing(stockFacts(), [OFFERED]) });
  await addMac(test, { facts: facing(stockFacts(), [OFFERED]) });
  await addKdk('14.5', '23F79');
  const body = { name: 'lab', quota: 255, selector: { labels: ['lab'] }, exception: EXCEPTION, apply: true };
  expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
  await placeKit(ready);
});
afterAll(() => test.stop());

const facing = (facts: Facts, pending: Facts['update']['pending']): Facts => ({
  ...facts,
  update: { ...facts.update, pending },
});
const host = async () => (await test.call('GET', `/api/v1/hosts/${ready}`)).body;
const visit = async () => {
  const { visit: newest } = await host();
  return newest === null ? null : `${newest?.['kind']} ${newest?.['state']}`;
};
const codes = async () => itemsOf(await host(), 'findings').map(({ code, severity }) => `${code} ${severity}`);
const updates = async () => itemsOf((await test.call('GET', '/api/v1/updates', { role: 'reader' })).body, 'updates');
const accept = (body: object, role: 'admin' | 'technician' = 'admin') =>
  test.call('POST', '/api/v1/update-acceptances', {
    role,
    body: { selector: { hosts: [ready] }, reason: 'The lab is rebuilt', ...body },
  });

async function addKdk(version: string, build: string): Promise<void> {
  const bytes = Buffer.from(`a kernel debug kit for ${build}`);
  const headers = { 'x-checksum-sha256': createHash('sha256').update(bytes).digest('hex') };
  const path = `/api/v1/kdks?fileName=Kernel_Debug_Kit_${version}_build_${build}.dmg`;
  expect((await test.call('PUT', path, { role: 'tool', body: bytes, headers })).status).toBe(200);
}

/** Plays the Mac until a person is needed. */
async function placeKit(hostId: string): Promise<void> {
  await test.sweep();
  await finishJob(test, hostId, {}, kdkReadyFacts());
  await test.sweep();
  await finishJob(test, hostId, KC, kcStagedFacts());
  await test.sweep();
  const plan = await test.database.prisma.plan.findFirstOrThrow({ where: { hostId } });
  const { steps, grant } = JSON.parse(Buffer.from(plan.bytes).toString('utf8'));
  const { visitId, quota } = (steps as PlanStep[]).find(({ kind }) => kind === 'place_kit') as {
    visitId: string;
    quota: number;
  };
  const { expiresAt } = JSON.parse(grant.payload);
  readyFacts = { ...kcStagedFacts(), visitKit: { visitId, quota, kcSha256: KC.sha256, complete: true } };
  const result = { visitId, path: '/Library/Headroom', kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt };
  await finishJob(test, hostId, result, readyFacts);
  await test.sweep();
}

async function later(ms: number): Promise<void> {
  test.clock.advance(ms);
  await hear(test, ready);
  await hear(test, other);
  await test.sweep();
}

describe('an update that is offered', () => {
  it('keeps the visit back, with the build that has no KDK, and says what to do', async () => {
    expect(await visit()).toBe('raise due');
    await report(test, ready, facing(readyFacts, [OFFERED]));
    await test.sweep();
    expect([await visit(), await codes()]).toEqual(['raise withdrawn', ['UPDATE_TWO_GUESTS blocker']]);
    const view = await host();
    expect(view['waitsFor']).toBe('macOS update 23G80: this Mac would fall back to two guests.');
    expect(view['findings']?.['0']?.['detail']).toMatch(
      /No KDK for build 23G80 .* the kit is stale: its kernel is for 23F79/,
    );
    expect(view['findings']?.['0']?.['nextStep']).toContain('POST /api/v1/update-acceptances');
  });

  it('is shown for the fleet by target, of Macs with a raise that is wanted or there', async () => {
    const target = {
      target: '23G80',
      version: '14.6',
      build: '23G80',
      kdkInCatalogue: false,
      hosts: 2,
      accepted: 0,
      prepared: 0,
    };
    expect(await updates()).toMatchObject([
      { ...target, byVerdict: { safe: 0, two_guests: 2, no_boot: 0, unknown: 0 } },
    ]);
    const first = (await test.call('GET', '/api/v1/updates/hosts?target=23G80&limit=1', { role: 'reader' })).body;
    expect(itemsOf(first)).toMatchObject([{ id: ready, verdict: 'two_guests', ways: ['offered'], acceptanceId: null }]);
    const rest = await test.call('GET', `/api/v1/updates/hosts?target=23G80&cursor=${first['nextCursor']}`);
    expect(itemsOf(rest.body).map(({ id }) => id)).toEqual([other]);
    expect(itemsOf((await test.call('GET', '/api/v1/updates/hosts?target=23G80&accepted=true')).body)).toEqual([]);
  });
});

describe('an acceptance', () => {
  it.each([
    ['no reason', { targets: ['23G80'], reason: '' }, 400],
    ['no target', { targets: [] }, 400],
    ['an end too far off', { targets: ['23G80'], expiresInDays: 91 }, 400],
    ['nobody meant', { targets: ['23G80'], selector: { labels: ['none'] } }, 422],
  ])('with %s is refused', async (_what, body, status) => expect((await accept(body)).status).toBe(status));

  it('is not for everybody to give', async () =>
    expect((await accept({ targets: ['23G80'] }, 'technician')).status).toBe(403));

  it('lets the visit be made, becomes a note, and covers no other Mac', async () => {
    const given = await accept({ targets: ['23G80'], expiresInDays: 2 });
    expect(given).toMatchObject({ status: 201, body: { hosts: 1 } });
    await test.sweep();
    expect([await visit(), await codes()]).toEqual(['raise due', ['UPDATE_ACCEPTED note']]);
    expect(await updates()).toMatchObject([{ hosts: 2, accepted: 1 }]);
    const audit = await test.call('GET', `/api/v1/audit?entity=update_acceptance&entityId=${given.body['id']}`);
    expect(itemsOf(audit.body)).toMatchObject([
      { action: 'update.accept', actor: 'token:admin', after: { hosts: [ready], reason: 'The lab is rebuilt' } },
    ]);
    expect(itemsOf(await host(), 'timeline').map(({ kind }) => kind)).toContain('update.accept');
  });

  it('does not cover a build that it does not name', async () => {
    await report(test, ready, facing(readyFacts, [OFFERED, { version: '15.1', build: '24B82' }]));
    await test.sweep();
    expect([await visit(), await codes()]).toEqual([
      'raise withdrawn',
      ['UPDATE_TWO_GUESTS blocker', 'UPDATE_ACCEPTED note'],
    ]);
    await report(test, ready, facing(readyFacts, [OFFERED]));
    await test.sweep();
    expect(await visit()).toBe('raise due');
  });

  it('ends by time alone', async () => {
    await later(2 * DAY_MS);
    expect([await visit(), await codes()]).toEqual(['raise withdrawn', ['UPDATE_TWO_GUESTS blocker']]);
  });

  it('is taken back, once', async () => {
    const given = await accept({ targets: ['23G80'], selector: { labels: ['lab'] } });
    expect(given.body['hosts']).toBe(2);
    await test.sweep();
    expect(await visit()).toBe('raise due');
    const revoke = () =>
      test.call('POST', `/api/v1/update-acceptances/${given.body['id']}/revoke`, { body: { reason: 'A mistake' } });
    expect((await revoke()).status).toBe(200);
    expect((await revoke()).status).toBe(409);
    await test.sweep();
    expect(await visit()).toBe('raise withdrawn');
    const listed = itemsOf((await test.call('GET', '/api/v1/update-acceptances', { role: 'reader' })).body);
    expect(listed.map(({ state, hosts }) => [state, hosts])).toEqual([
      ['revoked', 2],
      ['expired', 1],
    ]);
  });
});

it('a KDK for the target build makes the update safe, also of a Mac that is raised, and the visit is made', async () => {
  await test.database.prisma.hostState.update({ where: { hostId: other }, data: { state: 'raised' } });
  await addKdk('14.6', '23G80');
  await test.sweep();
  expect([await visit(), await codes()]).toEqual(['raise due', ['UPDATE_SAFE note']]);
  expect(await updates()).toMatchObject([{ kdkInCatalogue: true, byVerdict: { safe: 2 } }]);
});
