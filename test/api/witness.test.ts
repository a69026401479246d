// Goal: a raise is called witnessed only for guests of the present boot, whose kind is known; and a pair that nobody ever saw
// work here starts with one Mac.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raisedFacts } from '../../packages/core/testing/sample-host.ts';
import {
  addMac,
  addRaisedMac,
  EXCEPTION,
  itemsOf,
  openTestApi,
  type ReplyBody,
  report,
  type TestApi,
} from './support.ts';

const SESSION = '0d6c5c1a-7a0e-4f53-9f1e-0a4f5f6a7b8c';
const FACTS = { ...raisedFacts(), boot: { ...raisedFacts().boot, sessionId: SESSION.toUpperCase() } };

let test: TestApi;
let mac = '';
let other = '';
let rolloutId = '';
beforeAll(async () => {
  test = await openTestApi();
  [mac, other] = [await raised(), await raised()];
  const strategy = { rings: [{ name: 'all', take: { kind: 'rest' } }], success: 'witnessed' };
  const body = { name: 'lab', quota: 255, selector: { labels: ['lab'] }, strategy, exception: EXCEPTION, apply: true };
  const made = await test.call('POST', '/api/v1/policies', { body });
  rolloutId = String(made.body['rolloutId']);
  await test.sweep();
});
afterAll(() => test.stop());

async function raised(): Promise<string> {
  const id = await addRaisedMac(test, ['lab']);
  await report(test, id, FACTS);
  await test.database.prisma.hostReport.update({
    where: { hostId: id },
    data: { bootSessionId: SESSION.toUpperCase() },
  });
  return id;
}

const host = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;
const rollout = async () => (await test.call('GET', `/api/v1/rollouts/${rolloutId}`)).body;
const witness = (id: string, macosGuests: number, bootSessionId = SESSION) =>
  test.call('POST', `/api/v1/hosts/${id}/witness`, {
    role: 'tool',
    body: { macosGuests, bootSessionId, source: 'orchard' },
  });
const pairs = async () => itemsOf((await test.call('GET', '/api/v1/pairs')).body);
const audits = () => test.database.prisma.audit.count({ where: { action: 'host.witness', entityId: mac } });
const found = async (filter: string) =>
  itemsOf((await test.call('GET', `/api/v1/hosts?filter=${encodeURIComponent(filter)}`)).body).map(({ id }) =>
    String(id),
  );

describe('a witness', () => {
  it('is asked for by a rollout: one Mac first, as its build and variant were never witnessed here', async () => {
    expect(await pairs()).toMatchObject([{ build: '23F79', variant: 'T6020', witnessedOn: 0, text: 'never' }]);
    const { progress, strategy, targets } = await rollout();
    expect(progress).toMatchObject({
      ring: 0,
      rings: [
        { name: 'first T6020 23F79', reason: 'T6020 on 23F79 was never witnessed here: one Mac first.', size: 1 },
        { name: 'all', reason: null, size: 1 },
      ],
    });
    expect(targets).toMatchObject({ opened: 1, pending: 1 });
    const first = (strategy as unknown as { rings: { take: { hostIds: string[] } }[] }).rings[0]?.take.hostIds[0];
    if (first !== mac) [mac, other] = [other, mac];
    expect(first).toBe(mac);
    expect(await host(mac)).toMatchObject({ state: 'raised', proof: 'configured', stateText: 'raised (configured)' });
  });

  it('of another boot is refused, with what was expected and what was seen', async () => {
    const stale = '11111111-7a0e-4f53-9f1e-0a4f5f6a7b8c';
    const { status, body } = await witness(mac, 9, stale);
    expect([status, body['code']]).toEqual([409, 'WITNESS_OTHER_BOOT']);
    expect(body['detail']).toMatch(new RegExp(`expected boot session ${SESSION.toUpperCase()}, seen ${stale}`));
    expect(await audits()).toBe(0);
  });

  it('of two guests is kept and proves nothing; of three it is the proof, told and audited', async () => {
    expect((await witness(mac, 2)).body).toMatchObject({ macosGuests: 2, counts: false });
    await test.sweep();
    expect(await host(mac)).toMatchObject({ proof: 'configured', witness: null });
    expect((await witness(mac, 3)).body).toMatchObject({ macosGuests: 3, counts: true, saidBy: 'token:tool' });
    await test.sweep();
    const seen = await host(mac);
    expect(seen).toMatchObject({
      state: 'raised',
      proof: 'witnessed',
      stateText: 'raised (witnessed)',
      witness: { macosGuests: 3, source: 'orchard', by: 'token:tool', bootSessionId: SESSION.toUpperCase() },
    });
    const kinds = (seen['timeline'] as unknown as readonly ReplyBody[]).map(({ kind }) => String(kind));
    expect(kinds).toEqual(expect.arrayContaining(['witness', 'proof']));
    expect((await witness(mac, 1)).body).toMatchObject({ macosGuests: 3 });
    expect(await audits()).toBe(2);
  });

  it('shows in lists, readiness and the pair, and lets the rollout go on to the next ring', async () => {
    expect(await found('proof==witnessed')).toEqual([mac]);
    expect((await test.call('GET', '/api/v1/readiness')).body).toMatchObject({
      raised: { configured: 1, witnessed: 1 },
    });
    expect(await pairs()).toMatchObject([{ witnessedOn: 1, text: 'witnessed on 1 Mac here' }]);
    await test.sweep();
    expect(await rollout()).toMatchObject({ state: 'running', progress: { ring: 1 } });
    expect(await host(other)).toMatchObject({ proof: 'configured' });
    await report(test, other, {
      ...FACTS,
      guests: { ...FACTS.guests, witness: { macosGuests: 4, source: 'probe', at: test.clock.now().toISOString() } },
    });
    await test.sweep();
    await test.sweep();
    expect(await host(other)).toMatchObject({ proof: 'witnessed', witness: { by: 'agent', macosGuests: 4 } });
    expect(await rollout()).toMatchObject({ state: 'finished', targets: { succeeded: 2 } });
    expect(await pairs()).toMatchObject([{ witnessedOn: 2, text: 'witnessed on 2 Macs here' }]);
  });

  it('ends with its boot: raised again is configured only, and the pair stays witnessed', async () => {
    const next = '22222222-7a0e-4f53-9f1e-0a4f5f6a7b8c'.toUpperCase();
    test.clock.advance(60_000);
    await test.database.prisma.hostReport.update({ where: { hostId: mac }, data: { bootSessionId: next } });
    await report(test, mac, { ...FACTS, boot: { ...FACTS.boot, sessionId: next } }, true);
    await test.sweep();
    expect(await host(mac)).toMatchObject({ state: 'raised', proof: 'configured', witness: null });
    expect(await pairs()).toMatchObject([{ witnessedOn: 2 }]);
  });
});

describe('a pair never witnessed', () => {
  const facts = { ...FACTS, os: { ...FACTS.os, build: '23G80', baseBuild: '23G80' } };
  const strategy = { rings: [{ name: 'all', take: { kind: 'rest' } }], success: 'witnessed' };
  const selector = { labels: ['shelf'] };
  const apply = async (name: string, quota: number) => {
    const consent = quota > 2 ? { exception: EXCEPTION } : { priority: 1 };
    const body = { name, quota, selector, strategy, ...consent, apply: true };
    return String((await test.call('POST', '/api/v1/policies', { body })).body['rolloutId']);
  };
  const path = (id: string, more = '') => `/api/v1/rollouts/${id}${more}`;

  it('has one Mac under way at a time, also when somebody skips the first; one that told nothing waits', async () => {
    for (const told of [facts, facts, facts, null]) await addMac(test, { labels: ['shelf'], facts: told });
    const id = await apply('shelf', 8);
    const opened = async () => itemsOf((await test.call('GET', path(id, '/targets?state=opened'))).body);
    const [first] = await opened();
    expect(await opened()).toHaveLength(1);
    await test.call('POST', path(id, `/hosts/${String(first?.['hostId'])}/skip`), { body: {} });
    await test.sweep();
    const [second, ...more] = await opened();
    expect(more).toEqual([]);
    expect(second?.['hostId']).not.toBe(first?.['hostId']);
    expect((await test.call('GET', path(id))).body).toMatchObject({
      progress: { waitsFor: expect.stringMatching(/^A witness: T6020 23G80 .*1 Mac\(s\) told no macOS build/) },
      targets: { pending: 2 },
    });
  });

  it('needs no witness on its way back', async () => {
    const id = await apply('shelf back', 2);
    const { progress } = (await test.call('GET', path(id))).body;
    expect(progress?.['rings']).toMatchObject([{ name: 'all' }]);
  });
});

describe('drift', () => {
  it('stands in the timeline once, with what was, what is and when', async () => {
    const changed = 'B2'.repeat(48);
    const at = test.clock.now().toISOString();
    await report(test, other, { ...FACTS, bootPolicy: { ...FACTS.bootPolicy, customKernel: changed } });
    await test.sweep();
    await report(test, other, { ...FACTS, bootPolicy: { ...FACTS.bootPolicy, customKernel: changed } });
    await test.sweep();
    const seen = await host(other);
    const piece = { id: 'custom_kernel_in_policy', was: FACTS.bootPolicy.customKernel, seen: changed, at };
    expect(seen).toMatchObject({ state: 'drifted', proof: null, drift: [piece] });
    const drifts = (seen['timeline'] as unknown as readonly ReplyBody[]).filter(({ kind }) => String(kind) === 'drift');
    expect(drifts).toMatchObject([{ detail: { pieces: [piece] } }]);
    expect(await test.database.prisma.audit.count({ where: { action: 'host.drift', entityId: other } })).toBe(1);
  });
});
