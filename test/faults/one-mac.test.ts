// Goal: whatever one Mac has said or done, the others are evaluated and shown. The rows hold what an earlier version let in, or what no
// rule foresaw; a database that fails as a whole is blamed on no Mac.
import type { Facts } from '@headroom/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { postponeFailed } from '../../apps/controller/src/evaluator/not-evaluated.ts';
import { KC, KDK, kcStagedFacts, raisedFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';
import {
  addMac,
  addRaisedMac,
  EXCEPTION,
  finishJob,
  itemsOf,
  openTestApi,
  type ReplyBody,
  report,
  type TestApi,
} from '../api/support.ts';

const SESSION = '0D6C5C1A-7A0E-4F53-9F1E-0A4F5F6A7B8C';
const HEALTHY = 4;

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  const { siteId, prisma } = test.database;
  await prisma.kdk.create({
    data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, addedBy: 'system:test', addedAt: test.clock.now() },
  });
});
afterAll(() => test.stop());

const host = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;
const findings = async (id: string) => itemsOf(await host(id), 'findings').map(({ code }) => String(code));
const stateRow = (hostId: string) => test.database.prisma.hostState.findUniqueOrThrow({ where: { hostId } });
const makeDue = (ids: readonly string[]) =>
  test.database.prisma.hostState.updateMany({ where: { hostId: { in: [...ids] } }, data: { dueAt: test.clock.now() } });

/** Macs before and after the one in the middle, in host order, all of which shall get a plan. */
async function fleetAround(makeOne: (label: string) => Promise<string>) {
  const label = `lab-${uuidv7()}`;
  const add = () => addMac(test, { labels: [label], facts: stockFacts() });
  const healthy = [];
  for (let n = 0; n < HEALTHY / 2; n += 1) healthy.push(await add());
  const one = await makeOne(label);
  for (let n = 0; n < HEALTHY / 2; n += 1) healthy.push(await add());
  const body = { name: label, quota: 255, selector: { labels: [label] }, exception: EXCEPTION, apply: true };
  expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
  return { healthy, one };
}

async function witnessed(label: string): Promise<string> {
  const id = await addRaisedMac(test, [label]);
  const facts = raisedFacts();
  await report(test, id, {
    ...facts,
    boot: { ...facts.boot, sessionId: SESSION },
    guests: { ...facts.guests, witness: { macosGuests: 3e9, source: 'probe', at: test.clock.now().toISOString() } },
  });
  await test.database.prisma.hostReport.update({ where: { hostId: id }, data: { bootSessionId: SESSION } });
  return id;
}

async function atTheEndOfNumbers(label: string): Promise<string> {
  const id = await addMac(test, { labels: [label], facts: stockFacts() });
  await test.database.prisma.hostReport.update({ where: { hostId: id }, data: { generation: 2n ** 63n - 1n } });
  return id;
}

async function refusedByTheTables(label: string): Promise<string> {
  const id = await addMac(test, { labels: [label], facts: stockFacts() });
  await breakPlans(id, '23514');
  return id;
}

/** Whoever writes a plan for this Mac, or for any, is answered by Postgres with this SQLSTATE. */
async function breakPlans(hostId: string | null, code: string): Promise<void> {
  const { prisma } = test.database;
  await prisma.$executeRawUnsafe(`
    CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'broken on purpose' USING ERRCODE = '${code}'; END $$`);
  const which = hostId === null ? '' : `WHEN (NEW.host_id = '${hostId}')`;
  await prisma.$executeRawUnsafe(
    `CREATE TRIGGER broken BEFORE INSERT ON plan FOR EACH ROW ${which} EXECUTE FUNCTION broken()`,
  );
}

describe('one Mac that cannot be evaluated', () => {
  it.each([
    ['counted more guests than numbers go', witnessed, /out of range/],
    ['stands at the last generation there is', atTheEndOfNumbers, /out of range/],
    ['breaks a rule of the tables', refusedByTheTables, /broken on purpose/],
  ])('and %s holds up no other, and says so', async (_name, makeOne, cause) => {
    const { healthy, one } = await fleetAround(makeOne);
    await test.sweep();
    for (const id of healthy) expect(await host(id), id).toMatchObject({ plan: { state: 'open' } });

    const [finding] = itemsOf(await host(one), 'findings');
    expect(finding).toMatchObject({ code: 'EVALUATION_FAILED', severity: 'blocker' });
    expect(String(finding?.['detail'])).toMatch(cause);
    const since = finding?.['since'];
    const { dueAt, reviewAt } = await stateRow(one);
    expect([dueAt, reviewAt?.getTime()]).toEqual([null, test.clock.now().getTime() + 10 * 60_000]);
    const { blockedBy } = (await test.call('GET', '/api/v1/readiness')).body;
    const blocked = (blockedBy as unknown as readonly ReplyBody[]).find(
      ({ code }) => String(code) === 'EVALUATION_FAILED',
    );
    expect(Number(blocked?.['hosts'])).toBeGreaterThan(0);
    expect(String((await test.call('GET', '/metrics')).body)).toMatch(/^headroom_hosts_not_evaluated [1-9]/m);

    test.clock.advance(60_000);
    await makeDue([one, ...healthy]);
    await test.sweep();
    expect(itemsOf(await host(one), 'findings')[0]).toMatchObject({ code: 'EVALUATION_FAILED', since });
    expect((await findings(one)).filter((code) => code === 'EVALUATION_FAILED')).toHaveLength(1);
  });

  it('is evaluated again once what it says is right', async () => {
    const { one } = await fleetAround(witnessed);
    await test.sweep();
    expect(await findings(one)).toContain('EVALUATION_FAILED');
    await report(test, one, raisedFacts());
    await test.sweep();
    expect(await findings(one)).not.toContain('EVALUATION_FAILED');
    expect(await host(one)).toMatchObject({ state: 'raised' });
  });

  it('stays due for what it says while it is given up', async () => {
    const id = await addMac(test, { facts: stockFacts() });
    await test.sweep();
    const from = test.clock.now();
    const until = new Date(from.getTime() + 600_000);
    const later = new Date(from.getTime() + 1);
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { dueAt: later, reviewAt: from } });
    const cause = new RangeError('no such number');
    await test.database.transaction((tx) => postponeFailed(tx, [{ hostId: id, cause }], from, until));
    expect(await stateRow(id)).toMatchObject({ dueAt: later, reviewAt: until });
  });
});

describe('a result that cannot be read', () => {
  async function finished(kc: object, kit: object): Promise<string> {
    const label = `lab-${uuidv7()}`;
    const id = await addMac(test, { labels: [label], facts: kcStagedFacts() });
    const body = { name: label, quota: 255, selector: { labels: [label] }, exception: EXCEPTION, apply: true };
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
    await test.sweep();
    await finishJob(test, id, kc, kcStagedFacts());
    const { payload } = await test.database.prisma.grant.findFirstOrThrow({ orderBy: { id: 'desc' } });
    const { expiresAt } = JSON.parse(payload) as { expiresAt: string };
    const placed = { kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt };
    const step = await finishJob(test, id, { ...placed, ...kit }, kcStagedFacts());
    if (step.kind !== 'place_kit') throw new Error(`the last step is ${step.kind}`);
    const { visitId, quota } = step;
    await report(test, id, { ...kcStagedFacts(), visitKit: { visitId, quota, kcSha256: KC.sha256, complete: true } });
    await test.sweep();
    return id;
  }

  it.each<[string, object, object, readonly string[]]>([
    ['a kit that never ends', KC, { expiresAt: undefined }, ['place_kit']],
    ['a kit that ends on no day', KC, { expiresAt: '2027-13-41T00:00:00Z' }, ['place_kit']],
    ['a kit with an object for its sum', KC, { kcMd5: {} }, ['place_kit']],
    ['a kit with a number for its sum', KC, { kcSha256: 7 }, ['place_kit']],
    ['a kernel collection without a variant', { ...KC, variant: null }, {}, ['build_kc', 'place_kit']],
  ])('%s is none, and its step is planned anew', async (_name, kc, kit, kinds) => {
    const id = await finished(kc, kit);
    const { plan, visit } = await host(id);
    expect(await findings(id)).not.toContain('EVALUATION_FAILED');
    expect(visit).toBeNull();
    expect(plan).toMatchObject({ generation: 2, state: 'open', steps: kinds.map((kind) => ({ kind })) });
  });

  it('while one that can be read leads to a visit', async () => {
    expect(await host(await finished(KC, {}))).toMatchObject({ visit: { kind: 'raise', state: 'due' } });
  });
});

describe('a database that fails as a whole', () => {
  beforeEach(async () => {
    await test.database.prisma.$executeRawUnsafe('DROP FUNCTION IF EXISTS broken CASCADE');
    await test.sweep();
  });

  it.each(['53100', '25006', '57P01'])('(%s) is blamed on no Mac', async (code) => {
    const { healthy } = await fleetAround((label) => addMac(test, { labels: [label], facts: stockFacts() }));
    await breakPlans(null, code);
    await expect(test.api.evaluatorLoop.drain()).rejects.toThrow();
    for (const id of healthy) expect(await findings(id)).not.toContain('EVALUATION_FAILED');
    for (const id of healthy) expect((await stateRow(id)).dueAt).not.toBeNull();
    await test.database.prisma.$executeRawUnsafe('DROP FUNCTION broken CASCADE');
    await test.sweep();
    for (const id of healthy) expect(await host(id)).toMatchObject({ plan: { state: 'open' } });
  });
});

describe('facts that no Mac can have, as an earlier version stored them', () => {
  it('leave the lists of visits readable', async () => {
    const facts: Facts = {
      ...raisedFacts(),
      bootArgs: { ...raisedFacts().bootArgs, storedPresent: false, stored: null },
    };
    const id = await addMac(test);
    await report(test, id, facts, true);
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { record: { everRaised: true } } });
    await test.sweep();
    await report(test, id, { ...facts, guests: { ...facts.guests, processesAtMost: 1e12 } });
    for (const path of ['/api/v1/visits', '/api/v1/visit-route']) {
      const { status, body } = await test.call('GET', path);
      expect([path, status]).toEqual([path, 200]);
      expect(JSON.stringify(body)).toContain(`"processesAtMost":${1e12}`);
    }
  });
});
