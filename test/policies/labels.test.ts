// Goal: what policies make of a changed label is a rollout that people can see and stop, whoever changed it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, itemsOf, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const call = async (method: string, path: string, body?: object): Promise<ReplyBody> => {
  const reply = await test.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  expect([reply.status, reply.body['code'], reply.body['detail']].slice(reply.status < 300 ? 3 : 0)).toEqual([]);
  return reply.body;
};
const refused = async (method: string, path: string, body?: object) => {
  const reply = await test.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  return [reply.status, reply.body['code']];
};
const sweep = async () => {
  test.clock.advance(1000);
  await test.sweep();
};
const quotaOf = async (hostId: string) =>
  (await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId } })).quota;
const label = (method: 'PUT' | 'DELETE', id: string, name: string) => call(method, `/hosts/${id}/labels/${name}`);
const newest = async () => itemsOf(await call('GET', '/rollouts?limit=1'))[0] as ReplyBody;

const macs = async (count: number, labels: readonly string[]) => {
  const ids: string[] = [];
  while (ids.length < count) ids.push(await addMac(test, { labels }));
  return ids;
};

/** A policy of that name raises the Macs with the label of that name. */
const raise = (name: string, more: object = {}) => {
  const policy = { name, quota: 8, selector: { labels: [name] }, exception: EXCEPTION, apply: true };
  return call('POST', '/policies', { ...policy, ...more });
};
const JOINED_LATE = { strategy: { rings: [{ name: 'all', take: { kind: 'rest' } }], lateJoiners: 'last_ring' } };

describe('a changed label', () => {
  it('takes a Mac back to stock by a rollout, and a late joiner that a grant names in again', async () => {
    const [a = '', b = ''] = await macs(2, ['joins']);
    const [stranger = ''] = await macs(1, []);
    await raise('joins', JOINED_LATE);
    await label('DELETE', a, 'joins');
    expect(await quotaOf(a)).toBe(8);
    await sweep();
    expect(await newest()).toMatchObject({ policy: null, createdBy: 'system:labels', state: 'running' });
    expect([await quotaOf(a), await quotaOf(b)]).toEqual([2, 8]);
    await label('PUT', a, 'joins');
    await label('PUT', stranger, 'joins');
    await sweep();
    expect([await quotaOf(a), await quotaOf(stranger)]).toEqual([8, 2]);
  });

  it('by a rule does the same, and a Mac says which labels a rule gave', async () => {
    const filter = 'chip==T6020';
    const facts = { ...stockFacts(), kernel: { ...stockFacts().kernel, variant: 'T6020' } };
    const mac = await addMac(test, { facts });
    const { id } = await call('POST', '/label-rules', { label: 'ruled', filter });
    await sweep();
    expect(await call('GET', `/hosts/${mac}`)).toMatchObject({ labels: ['ruled'], labelsByRule: ['ruled'] });
    await raise('ruled');
    expect(await quotaOf(mac)).toBe(8);
    await call('DELETE', `/label-rules/${String(id)}`);
    for (let rounds = 0; rounds < 3; rounds += 1) await sweep();
    expect(await newest()).toMatchObject({ policy: null, createdBy: 'system:labels' });
    expect(await quotaOf(mac)).toBe(2);
  });

  it('of many Macs waits for a person, on every way round; one that has its label again is left out', async () => {
    const ids = await macs(12, ['herd']);
    await raise('herd');
    for (const id of ids) await label('DELETE', id, 'herd');
    await sweep();
    const { id } = await newest();
    expect(await newest()).toMatchObject({ state: 'waiting_for_confirmation', targets: { pending: 12 } });
    await call('POST', `/rollouts/${String(id)}/halt`);
    expect(await refused('POST', `/rollouts/${String(id)}/resume`)).toEqual([409, 'CONFLICT']);
    await label('PUT', ids[0] ?? '', 'herd');
    await sweep();
    expect(await newest()).toMatchObject({ id, state: 'halted', targets: { pending: 11, skipped: 1 } });
    expect(await Promise.all(ids.map(quotaOf))).toEqual(ids.map(() => 8));
    await call('POST', `/rollouts/${String(id)}/confirm`);
    expect(await Promise.all(ids.map(quotaOf))).toEqual([8, ...ids.slice(1).map(() => 2)]);
  });

  it('of one Mac after the other adds up to many', async () => {
    const ids = await macs(12, ['drip']);
    await raise('drip');
    const states: unknown[] = [];
    for (const id of ids) {
      await label('DELETE', id, 'drip');
      await sweep();
      states.push((await newest())['state']);
    }
    // Whatever this file took before counts as well: at most ten went without a word.
    expect(states.at(-1)).toBe('waiting_for_confirmation');
    const quotas = await Promise.all(ids.map(quotaOf));
    expect(quotas.filter((quota) => quota === 2).length).toBeLessThanOrEqual(10);
    expect(quotas.filter((quota) => quota === 8).length).toBeGreaterThanOrEqual(2);
  });
});

describe('a Mac that a person took back', () => {
  it('is not raised again by a label that has nothing to do with it, only by whoever applies the policy', async () => {
    const [a = ''] = await macs(1, ['reverted']);
    const { policyId } = await raise('reverted', JOINED_LATE);
    await call('POST', `/hosts/${a}/revert`, { reason: 'it is somebody’s desk now' });
    await sweep();
    expect(await quotaOf(a)).toBe(2);
    await label('PUT', a, 'rack-7');
    await sweep();
    expect(await quotaOf(a)).toBe(2);
    await call('POST', `/policies/${String(policyId)}/apply`, {});
    expect(await quotaOf(a)).toBe(8);
  });

  it('joins no rollout that began before as a late one, and is named there', async () => {
    const [a = '', late = '', other = ''] = await macs(3, ['ring']);
    await label('DELETE', late, 'ring');
    await raise('elsewhere', { ...JOINED_LATE, selector: { hosts: [late] } });
    await call('POST', `/hosts/${late}/revert`, { reason: 'it is somebody’s desk now' });
    const made = await raise('ring', JOINED_LATE);
    await label('PUT', late, 'ring');
    await call('DELETE', `/policies/${String((await newestPolicy('elsewhere'))['id'])}`);
    test.clock.advance(60_000);
    await test.sweep();
    expect([await quotaOf(a), await quotaOf(other), await quotaOf(late)]).toEqual([8, 8, 2]);
    const targets = itemsOf(await call('GET', `/rollouts/${String(made['rolloutId'])}/targets`));
    expect(targets.find((one) => String(one['hostId']) === late)).toMatchObject({
      state: 'skipped',
      reason: expect.stringMatching(/^Taken back to stock since/),
    });
  });

  const newestPolicy = async (name: string) =>
    itemsOf(await call('GET', '/policies')).find((one) => String(one['name']) === name) as ReplyBody;
});

describe('the audit', () => {
  const audited = (action: string, entityId: string) =>
    test.database.prisma.audit.findMany({ where: { action, entityId } });

  it('has each Mac that a label took out of a rollout', async () => {
    const [a = '', b = ''] = await macs(2, ['left']);
    const rings = [
      { name: 'first', take: { kind: 'hosts', hostIds: [a] } },
      { name: 'rest', take: { kind: 'rest' }, gate: 'manual' },
    ];
    const made = await raise('left', { strategy: { rings } });
    await label('DELETE', b, 'left');
    await sweep();
    expect(await audited('rollout.leave', String(made['rolloutId']))).toMatchObject([
      { actor: 'system:labels', after: { hostId: b, state: 'skipped' } },
    ]);
  });

  it('says when a rule also gives what an admin gave, and when it does not any more', async () => {
    const [a = ''] = await macs(1, ['by-hand']);
    const { hardwareUuid } = await test.database.prisma.host.findUniqueOrThrow({ where: { id: a } });
    const rule = await call('POST', '/label-rules', { label: 'by-hand', filter: `uuid==${hardwareUuid}` });
    await sweep();
    expect(await audited('host.label.also_given', a)).toMatchObject([{ actor: 'system:labels' }]);
    await call('DELETE', `/label-rules/${String(rule['id'])}`);
    await sweep();
    expect(await audited('host.label.let_go', a)).toHaveLength(1);
    expect((await call('GET', `/hosts/${a}`))['labels']).toEqual(['by-hand']);
  });
});
