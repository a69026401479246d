// Goal: a proposal shows what a change would do, and applying it does exactly that, whole or not at all.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toJson } from '../../apps/controller/src/audit/json.ts';
import { kdkReadyFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';
import { doors } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const HOUR_MS = 3_600_000;
const { post, refused, quotaOf, macsOf } = doors(() => test);

describe('a proposal', () => {
  const propose = async (body: object) => {
    const { id } = await post('/proposals', body);
    await test.sweep();
    return (await test.call('GET', `/api/v1/proposals/${String(id)}`)).body;
  };

  it('shows each Mac before and after, and applying it does that; a second time, or after a change, it is refused', async () => {
    const ready = await addMac(test, { labels: ['plan'], facts: kdkReadyFacts() });
    const stock = await addMac(test, { labels: ['plan'], facts: stockFacts() });
    await test.sweep();
    const { policyId } = await post('/policies', { name: 'plan', quota: 8, selector: { labels: ['plan'] } });
    const first = await propose({ policyId });
    expect(first).toMatchObject({
      state: 'ready',
      members: 2,
      summary: {
        hosts: 2,
        byRisk: { lowers_security: 2 },
        byHands: { recovery: 1 },
        blocked: 1,
        blockedBy: [{ code: 'KDK_NOT_IN_CATALOGUE', hosts: 1 }],
        grant: { covers: 0, of: 2, text: 'grant covers 0 of 2' },
      },
    });
    const hosts = (await test.call('GET', `/api/v1/proposals/${String(first['id'])}/hosts?limit=1`)).body;
    expect(hosts['items']).toMatchObject([
      {
        hostId: ready,
        before: { quota: 2, state: 'not_started' },
        after: { quota: 8 },
        steps: ['build_kc', 'place_kit'],
      },
    ]);
    expect(hosts['nextCursor']).not.toBeNull();
    expect(await quotaOf(ready)).toBe(2);
    await addMac(test, { labels: ['plan'] });
    const moved = await test.call('POST', `/api/v1/proposals/${String(first['id'])}/apply`, {
      body: { exception: EXCEPTION },
    });
    expect([moved.status, moved.body['code']]).toEqual([409, 'PROPOSAL_OUTDATED']);
    expect(String(moved.body['detail'])).toContain('Of 2 Macs 0 left and 1 joined');
    const second = await propose({ policyId });
    await post('/policies', { name: 'other plan', quota: 8, selector: { labels: ['nobody'] } });
    const pinned = await test.call('POST', `/api/v1/proposals/${String(second['id'])}/apply`, {
      body: { exception: EXCEPTION },
    });
    expect(String(pinned.body['detail'])).toMatch(/Policy .* was not there, and is applied never, newest 1/);
    const third = await propose({ policyId, revision: { quota: 9, selector: { labels: ['plan'] } } });
    const done = await post(`/proposals/${String(third['id'])}/apply`, { exception: EXCEPTION });
    expect(done['applied']).toMatchObject([{ hosts: 3 }]);
    expect([await quotaOf(ready), await quotaOf(stock)]).toEqual([9, 9]);
    expect(await refused(`/proposals/${String(third['id'])}/apply`)).toEqual([409, 'PROPOSAL_OUTDATED']);
    const nothing = await propose({ policyId });
    expect(nothing['summary']).toMatchObject({ hosts: 0 });
    const rollouts = await test.database.prisma.rollout.count();
    expect((await post(`/proposals/${String(nothing['id'])}/apply`))['applied']).toEqual([]);
    expect(await test.database.prisma.rollout.count()).toBe(rollouts);
  });

  it('shows what it can of all Macs where one says what cannot be evaluated', async () => {
    const well = await addMac(test, { labels: ['odd'], facts: kdkReadyFacts() });
    const odd = await addMac(test, { labels: ['odd'], facts: kdkReadyFacts() });
    const facts = { ...kdkReadyFacts(), kdks: { of: 'an earlier version' } };
    await test.database.prisma.hostReport.update({ where: { hostId: odd }, data: { facts: toJson(facts) } });
    const { policyId } = await post('/policies', { name: 'odd', quota: 8, selector: { labels: ['odd'] } });
    const shown = await propose({ policyId });
    expect(shown).toMatchObject({
      state: 'ready',
      summary: { hosts: 2, blocked: 1, blockedBy: [{ code: 'EVALUATION_FAILED', hosts: 1 }] },
    });
    const hosts = (await test.call('GET', `/api/v1/proposals/${String(shown['id'])}/hosts`)).body;
    expect(hosts['items']).toMatchObject([
      { hostId: well, steps: ['build_kc', 'place_kit'], blockedBy: [] },
      { hostId: odd, steps: [], risk: 'lowers_security', needsHands: 'recovery' },
    ]);
  });

  it('takes the arguments that a grant lets stay for what they are', async () => {
    const facts = kdkReadyFacts();
    const stored = { inForce: '', storedPresent: true, stored: 'serverperfmode=1' };
    await addMac(test, { labels: ['kept'], facts: { ...facts, bootArgs: stored } });
    const body = { name: 'kept', quota: 8, selector: { labels: ['kept'] } };
    const { policyId } = await post('/policies', body);
    expect((await propose({ policyId }))['summary']).toMatchObject({ blockedBy: [{ code: 'BOOT_ARGS_FOREIGN' }] });
    const revision = { quota: 8, selector: { labels: ['kept'] } };
    await post(`/policies/${String(policyId)}/revisions`, {
      ...revision,
      exception: { ...EXCEPTION, keepArgs: ['serverperfmode=1'] },
    });
    expect((await propose({ policyId }))['summary']).toMatchObject({ blockedBy: [], grant: { covers: 1, of: 1 } });
  });

  const apply = (proposal: ReplyBody, body: object = {}) => post(`/proposals/${String(proposal['id'])}/apply`, body);

  it('over the present policies applies what is applied, not a draft, and lets go of whom nobody holds any more', async () => {
    const [a = '', b = ''] = await macsOf('present', 2);
    const body = { name: 'present', quota: 8, selector: { labels: ['present'] }, exception: EXCEPTION, apply: true };
    const { policyId } = await post('/policies', body);
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([8, 8]);
    await post(`/policies/${String(policyId)}/revisions`, { quota: 'stock', selector: { labels: ['present'] } });
    // As when a filter's facts change: nobody was told.
    await test.database.prisma.hostLabel.deleteMany({ where: { hostId: b, label: 'present' } });
    const leaving = await propose({});
    expect(leaving['summary']).toMatchObject({ byRisk: { takes_raise_back: 1 } });
    expect((await apply(leaving))['letGo']).toHaveLength(1);
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([8, 2]);
    await test.database.prisma.hostLabel.deleteMany({ where: { hostId: a } });
    await test.database.prisma.hostLabel.createMany({
      data: [a, b].map((hostId) => ({ hostId, label: 'present', siteId: test.database.siteId })),
    });
    const joining = await propose({});
    expect(joining['summary']).toMatchObject({ hosts: 1, byRisk: { lowers_security: 1 } });
    await apply(joining);
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([8, 8]);
  });

  it('is applied whole or not at all, and keeps its word after a refusal', async () => {
    const [a = '', b = ''] = await macsOf('whole', 2);
    const ask = (name: string, host: string) =>
      post('/policies', { name, quota: 8, selector: { hosts: [host] }, exception: EXCEPTION, apply: true });
    const first = await ask('whole-a', a);
    const second = await ask('whole-b', b);
    for (const host of [a, b]) await post(`/hosts/${host}/revert`, { reason: 'for now' });
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([2, 2]);
    await post(`/exceptions/${String(second['exceptionId'])}/revoke`, { reason: 'not this one' });
    const both = await propose({});
    const refusal = await test.call('POST', `/api/v1/proposals/${String(both['id'])}/apply`, { body: {} });
    expect([refusal.status, refusal.body['code']]).toEqual([422, 'EXCEPTION_REQUIRED']);
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([2, 2]);
    const rolled = { revisionId: String(first['revisionId']) };
    expect(await test.database.prisma.rollout.count({ where: rolled })).toBe(1);
    await apply(both, { exception: EXCEPTION });
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([8, 8]);
  });

  it('is computed once, however many do it at the same time', async () => {
    await macsOf('computed', 3);
    const { policyId } = await post('/policies', { name: 'computed', quota: 8, selector: { labels: ['computed'] } });
    const { id } = await post('/proposals', { policyId });
    await Promise.all([test.sweep(), test.sweep(), test.sweep()]);
    const rows = await test.database.prisma.proposalHost.count({ where: { proposalId: String(id) } });
    const { state, summary } = (await test.call('GET', `/api/v1/proposals/${String(id)}`)).body;
    expect({ rows, state, summary }).toMatchObject({ rows: 3, state: 'ready', summary: { hosts: 3 } });
  });

  it('expires', async () => {
    const { id } = await propose({});
    test.clock.advance(25 * HOUR_MS);
    await test.sweep();
    expect((await test.call('GET', `/api/v1/proposals/${String(id)}`)).body).toMatchObject({ state: 'expired' });
    expect(await refused(`/proposals/${String(id)}/apply`)).toEqual([409, 'PROPOSAL_OUTDATED']);
  });

  it('is forgotten a month after it ended, with its row for each Mac', async () => {
    const { id } = await propose({});
    test.clock.advance(29 * 24 * HOUR_MS);
    await test.sweep();
    expect((await test.call('GET', `/api/v1/proposals/${String(id)}`)).status).toBe(200);
    test.clock.advance(3 * 24 * HOUR_MS);
    await test.sweep();
    expect((await test.call('GET', `/api/v1/proposals/${String(id)}`)).status).toBe(404);
    expect(await test.database.prisma.proposalHost.count({ where: { proposalId: String(id) } })).toBe(0);
  });
});
