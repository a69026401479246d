// Goal: a label follows from what a Mac is, by a rule that people see before it acts, and no rule touches what an admin gave.

import type { Facts } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, itemsOf, openTestApi, report, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const withChip = (variant: string | null): Facts => ({ ...stockFacts(), kernel: { ...stockFacts().kernel, variant } });
const labelsOf = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body['labels'];
const post = (body: object) => test.call('POST', '/api/v1/label-rules', { body });
const rule = async (label: string, filter: string) => {
  const { status, body } = await post({ label, filter });
  expect(status).toBe(201);
  await test.sweep();
  return String(body['id']);
};
const tell = async (id: string, facts: Facts) => {
  await report(test, id, facts);
  await test.sweep();
};

describe('a rule', () => {
  it('gives its label to the Macs that fit, and follows their facts; unknown keeps what is there', async () => {
    const mac = await addMac(test, { facts: withChip('T6020') });
    const other = await addMac(test, { facts: withChip('T8112') });
    const silent = await addMac(test);
    await rule('pro', 'chip==T6020');
    expect([await labelsOf(mac), await labelsOf(other), await labelsOf(silent)]).toEqual([['pro'], [], []]);
    await tell(mac, withChip(null));
    expect(await labelsOf(mac)).toEqual(['pro']);
    await tell(mac, withChip('T8112'));
    expect(await labelsOf(mac)).toEqual([]);
    const { body } = await test.call('GET', `/api/v1/hosts/${mac}`);
    const kinds = (body['timeline'] as unknown as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['label.given', 'label.taken']));
    const audit = await test.database.prisma.audit.findMany({ where: { entityId: mac, actor: 'system:labels' } });
    expect(audit.map(({ action }) => action)).toEqual(['host.label.given', 'host.label.taken']);
  });

  it('changes no intent by itself', async () => {
    const mac = await addMac(test, { facts: withChip('T6031') });
    await rule('max', 'chip==T6031');
    expect(await labelsOf(mac)).toEqual(['max']);
    const { body } = await test.call('GET', `/api/v1/hosts/${mac}`);
    expect(body['intent']).toMatchObject({ number: 1, quota: 2 });
  });

  it('is changed and removed, and leaves what an admin gave', async () => {
    const given = await addMac(test, { labels: ['ultra'], facts: withChip('T6000') });
    const ruled = await addMac(test, { facts: withChip('T6000') });
    const id = await rule('ultra', 'chip==T6000');
    expect([await labelsOf(given), await labelsOf(ruled)]).toEqual([['ultra'], ['ultra']]);
    await test.call('PATCH', `/api/v1/label-rules/${id}`, { body: { filter: 'chip==T6022' } });
    await test.sweep();
    expect([await labelsOf(given), await labelsOf(ruled)]).toEqual([['ultra'], []]);
    await test.call('PATCH', `/api/v1/label-rules/${id}`, { body: { filter: 'chip==T6000' } });
    await test.sweep();
    expect((await test.call('DELETE', `/api/v1/label-rules/${id}`)).status).toBe(200);
    await test.sweep();
    await test.sweep();
    expect([await labelsOf(given), await labelsOf(ruled)]).toEqual([['ultra'], []]);
    expect(await test.database.prisma.labelRule.count({ where: { id } })).toBe(0);
    expect((await test.call('DELETE', `/api/v1/label-rules/${id}`)).status).toBe(404);
  });

  it('keeps its label against an admin, who may add their own word', async () => {
    const mac = await addMac(test, { facts: withChip('T8103') });
    await rule('m1', 'chip==T8103');
    const path = `/api/v1/hosts/${mac}/labels/m1`;
    const refused = await test.call('DELETE', path);
    expect([refused.status, String(refused.body['detail'])]).toEqual([409, expect.stringContaining('A rule gives')]);
    await test.call('PUT', path);
    await tell(mac, withChip('T8122'));
    expect(await labelsOf(mac)).toEqual(['m1']);
    expect((await test.call('DELETE', path)).body['labels']).toEqual([]);
  });

  it('is seen before it acts', async () => {
    const has = await addMac(test, { labels: ['neo'], facts: withChip('T8132') });
    const gets = await addMac(test, { facts: withChip('T8132') });
    const unknown = await addMac(test);
    const { body } = await test.call('POST', '/api/v1/label-rules/preview', {
      body: { label: 'neo', filter: 'chip==T8132' },
    });
    const ids = (name: string) => (body[name] as unknown as { hosts: { id: string }[] }).hosts.map(({ id }) => id);
    expect([ids('gives'), ids('keeps'), ids('takes')]).toEqual([[gets], [has], []]);
    expect(ids('unknown')).toContain(unknown);
    await test.sweep();
    expect(await labelsOf(gets)).toEqual([]);
  });
});

describe('refused are', () => {
  it.each([
    ['labels, as one rule would lean on another', 'label==lab', 'chip, variant'],
    ['states, which come and go', 'state==raised', 'chip, variant'],
    ['what cannot be read', 'chip==', 'position 7'],
  ])('%s', async (_what, filter, told) => {
    const { status, body } = await post({ label: 'x', filter });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(told)]);
  });

  it('a second rule for a label, and whoever has no right to', async () => {
    await rule('twice', 'chip==T1');
    expect((await post({ label: 'twice', filter: 'chip==T2' })).status).toBe(409);
    const body = { label: 'mine', filter: 'chip==T2' };
    expect((await test.call('POST', '/api/v1/label-rules', { role: 'technician', body })).status).toBe(403);
    expect(itemsOf((await test.call('GET', '/api/v1/label-rules')).body).map(({ label }) => label)).toContain('twice');
  });
});
