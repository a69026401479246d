// Goal: whatever way a change takes the raise from many Macs, a person says so first, and nothing else stands for that word.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMac, EXCEPTION, itemsOf, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const MANY = 12;
const call = async (method: string, path: string, body?: object): Promise<ReplyBody> => {
  const reply = await test.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  expect([reply.status, reply.body['code'], reply.body['detail']].slice(reply.status < 300 ? 3 : 0)).toEqual([]);
  return reply.body;
};
const quotas = async (ids: readonly string[]) => {
  const intents = await test.database.prisma.intent.findMany({ where: { hostId: { in: [...ids] } } });
  return intents.map(({ quota }) => quota);
};

/** A policy that raises so many Macs with its label. */
async function raised(name: string, count = MANY) {
  const ids: string[] = [];
  while (ids.length < count) ids.push(await addMac(test, { labels: [name] }));
  const selector = { labels: [name] };
  const policy = await call('POST', '/policies', { name, quota: 8, selector, exception: EXCEPTION, apply: true });
  return { ids, policyId: String(policy['policyId']) };
}

const PATHS: readonly [string, (name: string, policyId: string, ids: readonly string[]) => Promise<unknown>][] = [
  ['a revision of stock', (name, id) => revise(id, { quota: 'stock', selector: { labels: [name] } })],
  [
    'another selector',
    (_name, id, [one = '']) => revise(id, { quota: 8, selector: { hosts: [one] }, exception: EXCEPTION }),
  ],
  ['archiving the policy', (_name, id) => call('DELETE', `/policies/${id}`)],
  [
    'a policy of stock that comes first',
    (name) =>
      call('POST', '/policies', {
        name: `${name} first`,
        quota: 'stock',
        priority: 5,
        selector: { labels: [name] },
        apply: true,
      }),
  ],
  ['a revert', (name) => call('POST', '/reverts', { selector: { labels: [name] }, reason: 'the audit said so' })],
];
const revise = (id: string, body: object) => call('POST', `/policies/${id}/revisions`, { ...body, apply: true });

describe('many Macs lose the raise only by a person', () => {
  it.each(PATHS)('by %s', async (path, change) => {
    const name = path.replaceAll(' ', '-');
    const { ids, policyId } = await raised(name);
    await change(name, policyId, ids);
    test.clock.advance(61_000);
    await test.sweep();
    const waiting = itemsOf(await call('GET', '/rollouts?limit=10')).find(
      ({ state }) => String(state) === 'waiting_for_confirmation',
    );
    const id = String(waiting?.['id']);
    expect(waiting).toBeDefined();
    await call('POST', `/rollouts/${id}/halt`);
    for (const control of ['resume', 'retry']) await test.call('POST', `/api/v1/rollouts/${id}/${control}`);
    await test.sweep();
    expect(new Set(await quotas(ids))).toEqual(new Set([8]));
    await call('POST', `/rollouts/${id}/confirm`);
    await test.sweep();
    expect((await quotas(ids)).filter((quota) => quota === 2).length).toBeGreaterThanOrEqual(MANY - 1);
  });

  it('also when one change sends half to stock by its revision and lets go of the other half', async () => {
    const { ids, policyId } = await raised('parted');
    const selector = { hosts: ids.slice(0, MANY / 2) };
    await revise(policyId, { quota: 'stock', selector });
    test.clock.advance(61_000);
    await test.sweep();
    expect(new Set(await quotas(ids))).toEqual(new Set([8]));
  });
});
