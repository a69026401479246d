// Goal: one call gives a quota to a label or a list of Macs; nobody gets one without consent, and consent never widens.
import { checkGrant, type GrantPayload } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMac, EXCEPTION, itemsOf, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
const macs: Record<string, string> = {};
beforeAll(async () => {
  test = await openTestApi();
  for (const name of ['a', 'b', 'c']) macs[name] = await addMac(test, { labels: ['lab'] });
  macs['d'] = await addMac(test, { labels: ['office'] });
});
afterAll(() => test.stop());

const intentOf = (name: string) =>
  test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: macs[name] ?? '' } });
const rollout = async (id: unknown) => (await test.call('GET', `/api/v1/rollouts/${String(id)}`)).body;
let policyId = '';
let firstRollout: unknown;

describe('one call', () => {
  it('gives a quota to every Mac of a label, with consent, audit and timeline', async () => {
    const body = {
      name: 'lab',
      quota: '0xFF',
      selector: { labels: ['lab'] },
      exception: EXCEPTION,
      apply: true,
    };
    const reply = await test.call('POST', '/api/v1/policies', { body });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({ hosts: 3 });
    policyId = String(reply.body['policyId']);
    firstRollout = reply.body['rolloutId'];
    for (const name of ['a', 'b', 'c']) {
      const intent = await intentOf(name);
      expect(intent).toMatchObject({ number: 2, quota: 255, rolloutId: reply.body['rolloutId'] });
      const state = await test.database.prisma.hostState.findUniqueOrThrow({ where: { hostId: macs[name] ?? '' } });
      expect(state.dueAt).toEqual(test.clock.now());
      const audit = await test.call('GET', `/api/v1/audit?entity=intent&entityId=${macs[name]}`);
      expect(itemsOf(audit.body)[0]).toMatchObject({
        action: 'intent.set',
        before: { number: 1, quota: 2 },
        after: { number: 2, quota: 255 },
      });
      const timeline = (await test.call('GET', `/api/v1/hosts/${macs[name]}`)).body['timeline'];
      expect(timeline?.['0']).toMatchObject({ kind: 'intent', detail: { quota: 255 } });
    }
    expect(await intentOf('d')).toMatchObject({ number: 1, quota: 2 });
    expect(await rollout(firstRollout)).toMatchObject({ state: 'running', quota: 255, targets: { opened: 3 } });
  });

  it('signs a grant that names these Macs, this quota and nothing more', async () => {
    const { grantId } = await intentOf('a');
    const grant = await test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId ?? '' } });
    const payload = JSON.parse(grant.payload) as GrantPayload;
    expect(payload).toMatchObject({ quotaMax: 255, simulation: true, approver: 'token:admin', extraArgs: [] });
    expect(payload.hostUuids).toHaveLength(3);
    expect(Date.parse(payload.expiresAt) - test.clock.now().getTime()).toBe(90 * 86_400_000);
    const [exception] = itemsOf((await test.call('GET', '/api/v1/exceptions')).body);
    expect(exception).toMatchObject({ approvals: 'self', state: 'valid', clauseVersion: '2026-11' });
    const use = { fleetId: test.database.fleetId, quota: 255, extraArgs: [], now: test.clock.now(), simulated: true };
    const [hostUuid = ''] = payload.hostUuids;
    expect(checkGrant(grant, { ...use, hostUuid }, () => true).ok).toBe(true);
  });

  it('does not widen a grant for a Mac that joins later', async () => {
    macs['e'] = await addMac(test, { labels: ['lab'] });
    const reply = await test.call('POST', `/api/v1/policies/${policyId}/apply`, { body: {} });
    expect(reply.body).toMatchObject({ hosts: 4, exceptionId: null });
    expect(await intentOf('e')).toMatchObject({ number: 1, quota: 2, grantId: null });
    expect(await rollout(reply.body['rolloutId'])).toMatchObject({ targets: { opened: 3, failed: 1 } });
    expect(await rollout(firstRollout)).toMatchObject({ state: 'superseded', targets: { superseded: 3 } });
    const renewed = await test.call('POST', `/api/v1/policies/${policyId}/apply`, { body: { exception: EXCEPTION } });
    expect(renewed.status).toBe(200);
    expect(await intentOf('e')).toMatchObject({ number: 2, quota: 255 });
  });

  it('gives a quota to a list of Macs, by id, hardware UUID or serial', async () => {
    const { hardwareUuid } = await test.database.prisma.host.findUniqueOrThrow({ where: { id: macs['d'] ?? '' } });
    const body = { name: 'one', quota: 8, selector: { hosts: [hardwareUuid] }, exception: EXCEPTION, apply: true };
    const reply = await test.call('POST', '/api/v1/policies', { body });
    expect(reply.body).toMatchObject({ hosts: 1 });
    expect(await intentOf('d')).toMatchObject({ number: 2, quota: 8 });
    const again = await test.call('POST', '/api/v1/policies', { body });
    expect([again.status, again.body['code']]).toEqual([409, 'CONFLICT']);
  });

  it('does not choose between two Macs of one serial, as a new board leaves them', async () => {
    const { prisma } = test.database;
    const { serial } = await prisma.host.findUniqueOrThrow({ where: { id: macs['d'] ?? '' } });
    const replaced = await addMac(test);
    await prisma.host.update({ where: { id: replaced }, data: { serial } });
    const body = { name: 'which', quota: 8, selector: { hosts: [serial] } };
    const { status, body: refused } = await test.call('POST', '/api/v1/policies', { body });
    expect(status).toBe(400);
    const said = JSON.stringify(refused['errors']);
    for (const id of [macs['d'], replaced]) expect(said).toContain(id);
    await prisma.host.update({ where: { id: replaced }, data: { retiredAt: test.clock.now() } });
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
  });
});

describe('later', () => {
  it('a revision changes nothing until it is applied, and old revisions stay as they were', async () => {
    const body = { quota: 16, selector: { labels: ['lab'] } };
    expect((await test.call('POST', `/api/v1/policies/${policyId}/revisions`, { body })).status).toBe(201);
    expect(await intentOf('a')).toMatchObject({ quota: 255 });
    const refused = await test.call('POST', `/api/v1/policies/${policyId}/apply`, { body: {} });
    expect([refused.status, refused.body['code']]).toEqual([422, 'EXCEPTION_REQUIRED']);
    const { revisions } = (await test.call('GET', `/api/v1/policies/${policyId}`)).body;
    expect(revisions).toMatchObject([
      { number: 2, quota: 16 },
      { number: 1, quota: 255, selector: { labels: ['lab'], hosts: [] } },
    ]);
  });

  it('stock needs no consent', async () => {
    const body = { quota: 'stock', selector: { labels: ['lab'] }, apply: true };
    const reply = await test.call('POST', `/api/v1/policies/${policyId}/revisions`, { body });
    expect(reply.body).toMatchObject({ hosts: 4, exceptionId: null });
    expect(await intentOf('a')).toMatchObject({ quota: 2, grantId: null });
  });

  it('who may write policies and not approve cannot give a quota', async () => {
    const body = { name: 'mine', quota: 8, selector: { labels: ['lab'] }, exception: EXCEPTION, apply: true };
    for (const role of ['approver', 'technician', 'reader', 'tool'] as const) {
      expect((await test.call('POST', '/api/v1/policies', { role, body })).status).toBe(403);
    }
  });

  it('a revoked exception marks its Macs due, and can be revoked once', async () => {
    const { grantId } = await intentOf('d');
    const { exceptionId } = await test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId ?? '' } });
    await test.sweep();
    const path = `/api/v1/exceptions/${exceptionId}/revoke`;
    expect((await test.call('POST', path, { role: 'approver' })).body).toMatchObject({ state: 'revoked' });
    const state = await test.database.prisma.hostState.findUniqueOrThrow({ where: { hostId: macs['d'] ?? '' } });
    expect(state.dueAt).toEqual(test.clock.now());
    expect((await test.call('POST', path, { role: 'approver' })).status).toBe(409);
  });
});

describe('a fleet larger than a chunk', () => {
  it('flips every intent once, in chunks, and signs grants of a few KB', async () => {
    test.clock.advance(1000);
    for (let index = 0; index < 230; index += 1) await addMac(test, { labels: ['many'] });
    const body = { name: 'many', quota: 4, selector: { labels: ['many'] }, exception: EXCEPTION, apply: true };
    const reply = await test.call('POST', '/api/v1/policies', { body });
    expect(reply.body).toMatchObject({ hosts: 230 });
    const flipped = await test.database.prisma.intent.count({ where: { quota: 4, number: 2 } });
    expect(flipped).toBe(230);
    const [exception] = itemsOf((await test.call('GET', '/api/v1/exceptions?limit=1')).body);
    const grants = exception?.['grants'] as unknown as readonly { hostUuids: readonly string[] }[];
    expect(grants.map(({ hostUuids }) => hostUuids.length)).toEqual([100, 100, 30]);
    expect(new Set(grants.flatMap(({ hostUuids }) => hostUuids)).size).toBe(230);
  });
});
