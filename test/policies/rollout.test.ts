// Goal: one policy change moves Macs ring by ring, only as far as it goes well, and says why it stands where it stands.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import type { Tx } from '../../apps/controller/src/db/database.ts';
import { addMac, EXCEPTION, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';
import { doors } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const MINUTE_MS = 60_000;
const { post, refused, quotaOf, macsOf } = doors(() => test);
const rollout = async (id: unknown) => (await test.call('GET', `/api/v1/rollouts/${String(id)}`)).body;
/** What the evaluator would note: the Mac is in this state now, or was when its batch began. */
async function becomes(hostId: string, state: string, findings: readonly object[] = [], now = test.clock.now()) {
  const engineView = {
    hostId,
    rolloutId: (await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId } })).rolloutId,
    quota: await quotaOf(hostId),
    state,
    waitsFor: null,
    findings,
  };
  const note = (tx: Tx) => test.api.rollouts.note(tx, [engineView as never], now);
  test.api.rollouts.hasNews(await test.database.transaction(note));
}
const sweep = async () => {
  test.clock.advance(1000);
  await test.api.rollouts.openPending(test.clock.now());
};
const FAILED = { code: 'STEP_FAILED_FOR_GOOD', severity: 'blocker', title: 'Failed', nextStep: 'Cure it.' };

describe('a gated rollout', () => {
  it('goes from ring to ring: success, soak, gate; it halts on failures, and goes on when they are cured', async () => {
    const macs = await macsOf('gated', 6);
    const [a = '', b = '', c = '', d = '', e = '', f = ''] = macs;
    const strategy = {
      rings: [
        { name: 'first', take: { kind: 'hosts', hostIds: [a] }, soakMinutes: 30 },
        { name: 'some', take: { kind: 'hosts', hostIds: [b, c] }, gate: 'manual', errorAt: { count: 1 } },
        { name: 'rest', take: { kind: 'rest' } },
      ],
      concurrency: { total: 2 },
    };
    const body = {
      name: 'gated',
      quota: 8,
      selector: { labels: ['gated'] },
      strategy,
      exception: EXCEPTION,
      apply: true,
    };
    const { rolloutId: id } = await post('/policies', body);
    expect(await Promise.all(macs.map(quotaOf))).toEqual([8, 2, 2, 2, 2, 2]);
    expect((await rollout(id))['progress']).toMatchObject({
      ring: 0,
      waitsFor: 'Ring first: 1 under way, 1 more must succeed.',
      wouldStop: ['Ring first: 0 failed, 1 halt it.'],
      rings: [{ name: 'first', size: 1 }, { size: 2, gate: 'manual' }, { size: 3 }],
    });
    await becomes(a, 'raised');
    await sweep();
    expect((await rollout(id))['progress']).toMatchObject({ waitsFor: expect.stringMatching(/first .* soaks until/) });
    test.clock.advance(30 * MINUTE_MS);
    await sweep();
    expect((await rollout(id))['progress']).toMatchObject({ ring: 1, waitsFor: 'A person: the gate of ring some.' });
    expect(await refused(`/rollouts/${String(id)}/rings/2/open`)).toEqual([409, 'CONFLICT']);
    await post(`/rollouts/${String(id)}/rings/1/open`);
    expect(await Promise.all(macs.map(quotaOf))).toEqual([8, 8, 8, 2, 2, 2]);
    await becomes(b, 'raised');
    await becomes(c, 'kdk_ready', [FAILED]);
    await sweep();
    expect(await rollout(id)).toMatchObject({ state: 'halted', reason: 'Ring some: 1 failed, and 1 halt it.' });
    await post(`/rollouts/${String(id)}/resume`);
    expect(await rollout(id)).toMatchObject({ state: 'halted' });
    await post(`/rollouts/${String(id)}/retry`);
    expect(await rollout(id)).toMatchObject({ state: 'halted', targets: { succeeded: 2, pending: 4 } });
    const { number } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: c } });
    await post(`/rollouts/${String(id)}/resume`);
    expect(await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: c } })).toMatchObject({
      number: number + 1,
    });
    await post(`/rollouts/${String(id)}/pause`);
    await becomes(c, 'raised');
    await sweep();
    expect(await Promise.all([d, e, f].map(quotaOf))).toEqual([2, 2, 2]);
    await post(`/rollouts/${String(id)}/resume`);
    expect(await Promise.all([d, e, f].map(quotaOf))).toEqual([8, 8, 2]);
    await post(`/rollouts/${String(id)}/hosts/${f}/skip`);
    await becomes(d, 'raised');
    await becomes(e, 'raised');
    await sweep();
    expect(await rollout(id)).toMatchObject({ state: 'finished', targets: { succeeded: 5, skipped: 1 } });
    expect(await quotaOf(f)).toBe(2);
  });

  it('gives up a Mac that is stuck, and takes it back when it comes through', async () => {
    const [a = '', b = ''] = await macsOf('stuck', 2);
    const rings = [{ name: 'all', take: { kind: 'rest' }, errorAt: { count: 2 } }];
    const strategy = { rings, stuckAfter: { workMinutes: 60, visitMinutes: null }, success: 'prepared' };
    const body = { name: 'stuck', quota: 8, selector: { hosts: [a, b] }, strategy, exception: EXCEPTION, apply: true };
    const { rolloutId: id } = await post('/policies', body);
    await becomes(b, 'ready_for_visit');
    test.clock.advance(61 * MINUTE_MS);
    await sweep();
    const stuck = await rollout(id);
    expect(stuck).toMatchObject({ state: 'finished', targets: { stuck: 1, succeeded: 1 } });
    await becomes(a, 'raised');
    expect(await rollout(id)).toMatchObject({ targets: { succeeded: 2 } });
  });

  it('goes on though its last decision is younger than the batch that brings the news', async () => {
    const [a = '', b = ''] = await macsOf('late-news', 2);
    const rings = [a, b].map((hostId, at) => ({ name: `${at}`, take: { kind: 'hosts', hostIds: [hostId] } }));
    const body = {
      name: 'late-news',
      quota: 8,
      selector: { labels: ['late-news'] },
      strategy: { rings },
      exception: EXCEPTION,
      apply: true,
    };
    await post('/policies', body);
    const batchBegan = test.clock.now();
    await sweep();
    expect(await quotaOf(b)).toBe(2);
    await becomes(a, 'raised', [], batchBegan);
    await sweep();
    expect(await quotaOf(b)).toBe(8);
  });

  it('is decided anew when a Mac gets on, not when it only waits for something else', async () => {
    const [a = ''] = await macsOf('waits', 1);
    const give = (strategy: object) =>
      post('/policies', {
        name: `waits-${Object.keys(strategy).length}`,
        priority: Object.keys(strategy).length,
        quota: 8,
        selector: { hosts: [a] },
        strategy: { rings: [{ name: 'all', take: { kind: 'rest' } }], ...strategy },
        exception: EXCEPTION,
        apply: true,
      });
    const decisions = async (id: unknown) => {
      await sweep();
      const before = await test.database.prisma.rollout.findUniqueOrThrow({ where: { id: String(id) } });
      await becomes(a, 'kdk_ready', [
        { ...FAILED, code: 'KC_MISSING', title: `Until ${test.clock.now().toISOString()}` },
      ]);
      await sweep();
      const after = await test.database.prisma.rollout.findUniqueOrThrow({ where: { id: String(id) } });
      return after.decidedAt?.getTime() !== before.decidedAt?.getTime();
    };
    const { rolloutId: plain } = await give({});
    expect(await decisions(plain)).toBe(false);
    const { rolloutId: counting } = await give({ concurrency: { perKdk: 1 } });
    expect(await decisions(counting)).toBe(true);
    await becomes(a, 'raised');
    await sweep();
    expect(await rollout(counting)).toMatchObject({ state: 'finished' });
  });

  it('opens only in its window', async () => {
    const [a = ''] = await macsOf('night', 1);
    // The clock of the test stands in the early afternoon of a Monday.
    const window = { timeZone: 'Europe/Berlin', days: ['Mon'], from: '22:00', to: '23:00' };
    const strategy = { rings: [{ name: 'all', take: { kind: 'rest' } }], window };
    const body = { name: 'night', quota: 8, selector: { hosts: [a] }, strategy, exception: EXCEPTION, apply: true };
    const { rolloutId: id } = await post('/policies', body);
    expect(await quotaOf(a)).toBe(2);
    const { progress } = await rollout(id);
    expect(progress).toMatchObject({ movesAt: '2026-11-23T21:00:00.000Z' });
    test.clock.advance(Date.parse('2026-11-23T21:00:01Z') - test.clock.now().getTime());
    await sweep();
    expect(await quotaOf(a)).toBe(8);
  });

  it('dates each step of many Macs at its own time: who watches is told of the last half a minute only', async () => {
    const [first = ''] = await macsOf('stepwise', 1);
    const { siteId, pool } = test.database;
    // As many as one step takes, and all of them beside the first one.
    await pool.query(
      `WITH mac AS (INSERT INTO host (id, site_id, hardware_uuid, name, simulated, enrolled_at)
         SELECT gen_random_uuid(), $1, upper(gen_random_uuid()::text), 'stepwise', true, $2 FROM generate_series(1, 200) RETURNING id),
       labelled AS (INSERT INTO host_label (host_id, site_id, label) SELECT id, $1, 'stepwise' FROM mac),
       reported AS (INSERT INTO host_report (host_id, site_id) SELECT id, $1 FROM mac),
       stated AS (INSERT INTO host_state (host_id, site_id, state_since) SELECT id, $1, $2 FROM mac)
       INSERT INTO intent (host_id, site_id, number, quota, extra_args, set_at) SELECT id, $1, 1, 2, '{}', $2 FROM mac`,
      [siteId, test.clock.now()],
    );
    const start = test.clock.now().getTime();
    let looks = 0;
    const ticking = vi.spyOn(test.clock, 'now').mockImplementation(() => new Date(start + 1_000 * looks++));
    await post('/policies', {
      name: 'stepwise',
      quota: 8,
      selector: { labels: ['stepwise'] },
      exception: EXCEPTION,
      apply: true,
    });
    ticking.mockRestore();
    const times = await pool.query(
      `SELECT DISTINCT set_at FROM intent i JOIN host_label l USING (host_id) WHERE l.label = 'stepwise'`,
    );
    expect(await quotaOf(first)).toBe(8);
    expect(times.rows).toHaveLength(2);
  });

  it('takes late joiners into its last ring, those that a grant names', async () => {
    const [a = '', b = ''] = await macsOf('late', 2);
    const strategy = {
      rings: [
        { name: 'first', take: { kind: 'hosts', hostIds: [a] } },
        { name: 'rest', take: { kind: 'rest' }, gate: 'manual' },
      ],
      lateJoiners: 'last_ring',
    };
    const body = {
      name: 'late',
      quota: 8,
      selector: { labels: ['late'] },
      strategy,
      exception: EXCEPTION,
      apply: true,
    };
    const { rolloutId: id } = await post('/policies', body);
    const c = await addMac(test, { labels: ['late'] });
    test.clock.advance(2 * MINUTE_MS);
    await sweep();
    const { targetList } = await rollout(id);
    const target = (targetList as unknown as ReplyBody[]).find(({ hostId }) => String(hostId) === c);
    expect(target).toMatchObject({
      state: 'skipped',
      ring: 1,
      reason: expect.stringMatching(/no grant names this Mac/),
    });
    expect([await quotaOf(b), await quotaOf(c)]).toEqual([2, 2]);
  });

  it('takes in no late joiner that a newer one is for, and none once its revision is not the applied one', async () => {
    const [a = ''] = await macsOf('joins', 2);
    const rings = [
      { name: 'first', take: { kind: 'hosts', hostIds: [a] } },
      { name: 'rest', take: { kind: 'rest' }, gate: 'manual' },
    ];
    const policy = { name: 'joins', quota: 8, selector: { labels: ['joins'] } };
    const strategy = { rings, lateJoiners: 'last_ring' };
    const { policyId, rolloutId: older } = await post('/policies', {
      ...{ ...policy, strategy },
      ...{ exception: EXCEPTION, apply: true },
    });
    const joiner = async (name: string) => {
      const host = await addMac(test, { labels: ['joins'] });
      if (name === 'elsewhere') await forItself(host);
      test.clock.advance(2 * MINUTE_MS);
      await sweep();
      const { targetList } = await rollout(older);
      return (targetList as unknown as ReplyBody[]).some(({ hostId }) => String(hostId) === host);
    };
    const forItself = (host: string) =>
      test.database.transaction((tx) =>
        test.api.rollouts.create(tx, { revisionId: null, hostIds: [host], actor: 'token:kim', now: test.clock.now() }),
      );
    expect([await joiner('late'), await joiner('elsewhere')]).toEqual([true, false]);
    const { revisionId } = await test.database.prisma.rollout.findUniqueOrThrow({ where: { id: String(older) } });
    const next = await test.database.prisma.policyRevision.findUniqueOrThrow({ where: { id: revisionId ?? '' } });
    const data = { ...next, id: uuidv7(test.clock.now().getTime()), number: 2, selector: {}, strategy: {} };
    await test.database.prisma.policyRevision.create({ data });
    await test.database.prisma.policy.update({
      where: { id: String(policyId) },
      data: { appliedRevisionId: data.id },
    });
    expect(await joiner('after the next revision')).toBe(false);
  });

  it('takes no Mac as a late joiner that has its turn in an older one, which a person stopped', async () => {
    const [a = '', b = ''] = await macsOf('turns', 2);
    const rings = [
      { name: 'first', take: { kind: 'hosts', hostIds: [a] } },
      { name: 'rest', take: { kind: 'rest' }, gate: 'manual' },
    ];
    const strategy = { rings, lateJoiners: 'last_ring' };
    const body = {
      name: 'turns',
      quota: 8,
      selector: { labels: ['turns'] },
      strategy,
      exception: EXCEPTION,
      apply: true,
    };
    const { rolloutId: stopped } = await post('/policies', body);
    await post(`/rollouts/${String(stopped)}/pause`);
    const { revisionId } = await test.database.prisma.rollout.findUniqueOrThrow({ where: { id: String(stopped) } });
    const { id } = await test.database.transaction((tx) =>
      test.api.rollouts.create(tx, { revisionId, hostIds: [a], actor: 'system:labels', now: test.clock.now() }),
    );
    await sweep();
    test.clock.advance(2 * MINUTE_MS);
    await sweep();
    const targetsOf = async (rolloutId: unknown) =>
      ((await rollout(rolloutId))['targetList'] as unknown as ReplyBody[]).map(({ hostId, state }) => [hostId, state]);
    expect((await targetsOf(id)).map(([hostId]) => hostId)).toEqual([a]);
    expect(await targetsOf(stopped)).toContainEqual([b, 'pending']);
  });

  it('is superseded by a newer one for the same Macs, which says so', async () => {
    const [a = '', b = ''] = await macsOf('twice', 2);
    const strategy = {
      rings: [
        { name: 'first', take: { kind: 'hosts', hostIds: [a] } },
        { name: 'rest', take: { kind: 'rest' }, gate: 'manual' },
      ],
    };
    const body = { name: 'twice', quota: 8, selector: { hosts: [a, b] }, strategy, exception: EXCEPTION, apply: true };
    const { rolloutId: first, policyId } = await post('/policies', body);
    await post(`/rollouts/${String(first)}/pause`);
    const { rolloutId: second } = await post(`/policies/${String(policyId)}/apply`);
    expect(await rollout(first)).toMatchObject({ state: 'superseded', targets: { superseded: 2 } });
    const [target] = (await rollout(first))['targetList'] as unknown as ReplyBody[];
    expect(String(target?.['reason'])).toContain(String(second));
  });

  it('takes the Macs of one that was made before the clock was put back', async () => {
    const [a = ''] = await macsOf('put-back', 1);
    const body = { name: 'put-back', quota: 8, selector: { hosts: [a] }, exception: EXCEPTION, apply: true };
    test.clock.advance(60 * MINUTE_MS);
    const { rolloutId: first, policyId } = await post('/policies', body);
    test.clock.advance(-60 * MINUTE_MS);
    const { rolloutId: second } = await post(`/policies/${String(policyId)}/apply`);
    expect(await rollout(first)).toMatchObject({ targets: { superseded: 1 } });
    await sweep();
    expect(await rollout(second)).toMatchObject({ state: 'running', targets: { opened: 1 } });
  });
});

describe('a rollout and its Macs', () => {
  const give = (name: string, hosts: readonly string[], more: object = {}) =>
    post('/policies', { name, quota: 8, selector: { hosts }, exception: EXCEPTION, apply: true, ...more });

  it('takes no Mac back from a newer one when what failed is tried again', async () => {
    const [a = '', b = ''] = await macsOf('again', 2);
    const { rolloutId: older } = await give('again-older', [a, b], { quota: 5 });
    await becomes(a, 'kdk_ready', [FAILED]);
    await becomes(b, 'raised');
    await sweep();
    expect(await rollout(older)).toMatchObject({ state: 'finished', targets: { failed: 1, succeeded: 1 } });
    const { rolloutId: newer } = await give('again-newer', [a], { priority: 1 });
    expect(await quotaOf(a)).toBe(8);
    expect(await refused(`/rollouts/${String(older)}/retry`)).toEqual([409, 'CONFLICT']);
    await sweep();
    expect(await quotaOf(a)).toBe(8);
    expect(await rollout(newer)).toMatchObject({ state: 'running', targets: { opened: 1 } });
    await post(`/rollouts/${String(newer)}/hosts/${a}/skip`);
    await post(`/rollouts/${String(older)}/retry`);
    expect(await quotaOf(a)).toBe(5);
  });

  it('that halted is over once newer ones are for all that is left of it; what failed is tried again all the same', async () => {
    const [a = '', b = '', c = ''] = await macsOf('halted-over', 3);
    const rings = [{ name: 'all', take: { kind: 'rest' }, errorAt: { count: 1 } }];
    const { rolloutId: older } = await give('halted-over-older', [a, b, c], { quota: 5, strategy: { rings } });
    await becomes(a, 'kdk_ready', [FAILED]);
    await becomes(c, 'kdk_ready', [FAILED]);
    await becomes(b, 'raised');
    await sweep();
    expect(await rollout(older)).toMatchObject({ state: 'halted', targets: { failed: 2, succeeded: 1 } });
    await give('halted-over-newer', [a], { priority: 1 });
    expect(await rollout(older)).toMatchObject({
      state: 'finished',
      targets: { superseded: 1, succeeded: 1, failed: 1 },
    });
    await post(`/rollouts/${String(older)}/retry`);
    expect(await rollout(older)).toMatchObject({
      state: 'running',
      targets: { superseded: 1, succeeded: 1, opened: 1 },
    });
  });

  it('counts a Mac that was taken back as one that fetches the KDK, and none that goes to stock', async () => {
    const macs = await macsOf('fetching', 2);
    const facts = { os: { baseBuild: '23F79' }, kdks: [], kernelCollections: [] };
    await test.database.prisma.hostReport.updateMany({ where: { hostId: { in: macs } }, data: { facts } });
    await test.database.prisma.hostState.updateMany({ where: { hostId: { in: macs } }, data: { state: 'reverted' } });
    const rings = [{ name: 'all', take: { kind: 'rest' } }];
    const strategy = { rings, concurrency: { perKdk: 1 } };
    const { policyId } = await give('fetching', macs, { strategy });
    expect(await Promise.all(macs.map(quotaOf))).toEqual([8, 2]);
    await post(`/policies/${String(policyId)}/revisions`, {
      quota: 'stock',
      selector: { hosts: macs },
      strategy,
      apply: true,
    });
    expect(await Promise.all(macs.map(quotaOf))).toEqual([2, 2]);
    const opened = await test.database.prisma.rolloutTarget.count({ where: { hostId: { in: macs }, state: 'opened' } });
    expect(opened).toBe(2);
  });

  it('is not halted by a Mac that is retired', async () => {
    const [a = '', b = ''] = await macsOf('leaves', 2);
    const rings = [{ name: 'all', take: { kind: 'rest' }, errorAt: { count: 1 } }];
    const { rolloutId: id } = await give('leaves', [a, b], { strategy: { rings } });
    await post(`/hosts/${a}/retire`, { reason: 'sold' });
    await sweep();
    expect(await rollout(id)).toMatchObject({ state: 'running', targets: { opened: 1, skipped: 1 } });
  });

  it('waits for no Mac for ever when its policy says nothing of it', async () => {
    const [a = '', b = ''] = await macsOf('forever', 2);
    const { rolloutId: id } = await give('forever', [a, b]);
    await becomes(a, 'raised');
    test.clock.advance(8 * 24 * 60 * MINUTE_MS);
    await sweep();
    expect(await rollout(id)).toMatchObject({ state: 'finished', targets: { succeeded: 1, stuck: 1 } });
  });

  it('has no more Macs under way in one location than its strategy allows', async () => {
    const macs = await macsOf('sited', 5);
    const [a = '', b = '', c = '', d = '', e = ''] = macs;
    const stands = (host: string, location: string) =>
      test.call('PATCH', `/api/v1/hosts/${host}/place`, { body: { location } });
    for (const host of [a, b]) expect((await stands(host, 'Basel')).status).toBe(200);
    await stands(c, 'Bern');
    const rings = [{ name: 'all', take: { kind: 'rest' } }];
    const { rolloutId: id } = await give('sited', macs, { strategy: { rings, concurrency: { perSite: 1 } } });
    expect(await Promise.all(macs.map(quotaOf))).toEqual([8, 2, 8, 8, 2]);
    await becomes(a, 'raised');
    expect([await quotaOf(b), await quotaOf(e)]).toEqual([2, 2]);
    await sweep();
    expect([await quotaOf(b), await quotaOf(e)]).toEqual([8, 2]);
    const page = async (query: string) =>
      (await test.call('GET', `/api/v1/rollouts/${String(id)}/targets${query}`)).body;
    const first = await page('?state=opened&limit=2');
    const idsOf = (body: ReplyBody) => (body['items'] as unknown as ReplyBody[]).map(({ hostId }) => hostId);
    expect(idsOf(first)).toEqual([b, c]);
    expect(idsOf(await page(`?state=opened&limit=2&cursor=${String(first['nextCursor'])}`))).toEqual([d]);
  });
});

describe('a policy', () => {
  it('holds a Mac by name, then priority, then age; explain says so and what would change it', async () => {
    const [a = ''] = await macsOf('rank', 1);
    const give = (name: string, quota: number, more: object) =>
      post('/policies', { name, quota, exception: EXCEPTION, apply: true, selector: { labels: ['rank'] }, ...more });
    await give('older', 5, {});
    expect(
      await refused('/policies', {
        name: 'n',
        quota: 6,
        exception: EXCEPTION,
        apply: true,
        selector: { labels: ['rank'] },
      }),
    ).toEqual([422, 'SELECTOR_EMPTY']);
    await give('higher', 6, { priority: 1 });
    expect(await quotaOf(a)).toBe(6);
    const { policyId: naming } = await give('naming', 7, { selector: { hosts: [a] } });
    expect(await quotaOf(a)).toBe(7);
    const explained = (await test.call('GET', `/api/v1/hosts/${a}/explain`)).body;
    expect(explained).toMatchObject({
      intent: { quota: 7, policy: 'naming', revision: 1 },
      why: expect.stringMatching(/^Rollout .* set it to revision 1 of policy naming\.$/),
      policies: [
        { policy: 'naming', by: 'named', holds: true },
        { policy: 'higher', by: 'selector', holds: false },
        { policy: 'older', holds: false },
      ],
      wouldChange: [
        'A newer revision of policy naming, when it is applied.',
        'Naming this Mac in another policy with a priority above 0, or in an older one with 0, when that is applied.',
        'Archiving policy naming: then higher would be next.',
        expect.stringMatching(/^The end of the exception "UI tests in parallel" at .*: then stock is wanted, unless/),
      ],
    });
    const archived = await test.call('DELETE', `/api/v1/policies/${String(naming)}`);
    expect(archived.body).toMatchObject({ rollouts: [{ state: 'running' }] });
    expect(await quotaOf(a)).toBe(6);
    expect((await test.call('GET', `/api/v1/hosts/${a}/explain`)).body['wouldChange']).toEqual(
      expect.arrayContaining([
        'Another policy that names this Mac, or selects it with a priority above 1 or is older with 1, when that is applied.',
        'This Mac not fitting policy higher (label rank) any more.',
      ]),
    );
  });

  it('is not said to hold nothing where a person, or the end of an exception, took a Mac back', async () => {
    const [a = '', b = ''] = await macsOf('explained', 2);
    const give = (name: string, mac: string) =>
      post('/policies', { name, quota: 8, selector: { hosts: [mac] }, exception: EXCEPTION, apply: true });
    await give('by-person', a);
    await post(`/hosts/${a}/revert`, { reason: 'sold' });
    const explain = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}/explain`)).body;
    expect(await explain(a)).toMatchObject({
      intent: { quota: 2, policy: null },
      why: expect.stringMatching(/^Stock: rollout \S+ of token:admin took it back\. Back to stock: sold$/),
      policies: [{ policy: 'by-person', holds: true }],
      wouldChange: [
        'Policy by-person holds this Mac since: apply it.',
        'A newer revision of policy by-person, when it is applied.',
        'Naming this Mac in another policy with a priority above 0, or in an older one with 0, when that is applied.',
      ],
    });
    const { exceptionId } = await give('by-end', b);
    await post(`/exceptions/${String(exceptionId)}/revoke`);
    expect((await explain(b))['wouldChange']).toContainEqual(
      expect.stringMatching(/^The exception "UI tests in parallel" was revoked at .*: a rollout takes the Mac back\.$/),
    );
    await test.sweep();
    expect((await explain(b))['why']).toMatch(
      /^Stock: rollout \S+ of system:exceptions took it back\. The exception "UI tests in parallel" was taken back at/,
    );
  });

  it('lets go of Macs that a new revision does not select: back to stock, by a rollout', async () => {
    const [a = '', b = ''] = await macsOf('leave', 2);
    const body = { name: 'leave', quota: 8, selector: { hosts: [a, b] }, exception: EXCEPTION, apply: true };
    const { policyId } = await post('/policies', body);
    const revised = await post(`/policies/${String(policyId)}/revisions`, {
      ...body,
      name: undefined,
      selector: { hosts: [a] },
    });
    const [stock] = revised['leaverRolloutIds'] as unknown as string[];
    expect(await rollout(stock)).toMatchObject({ policy: null, quota: 2, targets: { opened: 1 } });
    expect(await Promise.all([a, b].map(quotaOf))).toEqual([8, 2]);
  });

  it('that takes the raise from more than ten Macs waits for a person, who may leave one where it is', async () => {
    const macs = await macsOf('many', 12);
    const body = { name: 'many', quota: 8, selector: { labels: ['many'] }, exception: EXCEPTION, apply: true };
    const { policyId, rolloutId: older } = await post('/policies', body);
    const stock = { quota: 'stock', selector: { labels: ['many'] }, apply: true };
    const revised = await post(`/policies/${String(policyId)}/revisions`, stock);
    expect(revised).toMatchObject({ waitsFor: 'A person confirms the rollout: it takes the raise from many Macs.' });
    await sweep();
    expect(await quotaOf(macs[0] ?? '')).toBe(8);
    const id = String(revised['rolloutId']);
    expect(await rollout(id)).toMatchObject({ state: 'waiting_for_confirmation' });
    expect(await refused(`/rollouts/${id}/resume`)).toEqual([409, 'CONFLICT']);
    await post(`/rollouts/${id}/hosts/${macs[0] ?? ''}/skip`);
    await post(`/rollouts/${id}/confirm`);
    expect(await Promise.all(macs.map(quotaOf))).toEqual(macs.map((_mac, nth) => (nth === 0 ? 8 : 2)));
    expect(await rollout(older)).toMatchObject({ state: 'running', targets: { opened: 1, superseded: 11 } });
    expect(await refused(`/rollouts/${id}/confirm`)).toEqual([409, 'CONFLICT']);
  });

  it('keeps strategies that cannot be meant out', async () => {
    const strategy = (changes: object) => ({
      name: 'x',
      quota: 8,
      selector: { labels: ['x'] },
      strategy: { rings: [{ name: 'all', take: { kind: 'rest' } }], ...changes },
    });
    const window = { timeZone: 'Europe/Berlin', days: ['Mon'], from: '22:00', to: '22:10' };
    for (const changes of [
      { window },
      { window: { ...window, timeZone: 'Middle/Earth' } },
      { rings: [] },
      { rings: [1, 2].map(() => ({ name: 'same', take: { kind: 'rest' } })) },
    ])
      expect(await refused('/policies', strategy(changes))).toEqual([400, 'VALIDATION_FAILED']);
  });
});
