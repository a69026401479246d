// Goal: an exception for which four eyes are asked for is seen by two people, about Macs that both were shown, while it still means something.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMac, EXCEPTION, itemsOf, openTestApi, type TestApi } from '../api/support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const DAY_MS = 86_400_000;
type Caller = Record<string, string>;
const bearer = (secret: unknown): Caller => ({ authorization: `Bearer ${String(secret)}` });
const ADMIN = () => bearer(test.token('admin'));
const APPROVER = () => bearer(test.token('approver'));

async function call(method: string, path: string, headers: Caller, body?: object) {
  const options = { role: null, headers, ...(body !== undefined && { body }) };
  const reply = await test.call(method, `/api/v1${path}`, options);
  return { ...reply, code: String(reply.body['code']), detail: String(reply.body['detail']) };
}

/** A token with this name, made by whoever calls. */
async function token(name: string, role: string, by: Caller, more: object = {}): Promise<Caller> {
  const made = await call('POST', '/api-tokens', by, { name, role, ...more });
  expect([made.status, made.detail]).toEqual([201, 'undefined']);
  return bearer(made.body['token']);
}

/** A policy for one Mac of its own label, with a request that waits. */
async function request(label: string, by: Caller, exception: object = {}) {
  const mac = await addMac(test, { labels: [label] });
  const asked = { ...EXCEPTION, approvals: 'four-eyes', ...exception };
  const body = { name: label, quota: 8, selector: { labels: [label] }, apply: true, exception: asked };
  const made = await call('POST', '/policies', by, body);
  expect(made.status).toBe(201);
  return { mac, id: String(made.body['exceptionId']), policyId: String(made.body['policyId']) };
}

const hostsOf = (id: string) => call('GET', `/exceptions/${id}/hosts`, APPROVER());
async function approve(id: string, by: Caller, digest?: unknown) {
  const hostsDigest = digest ?? (await hostsOf(id)).body['digest'];
  return call('POST', `/exceptions/${id}/approve`, by, { hostsDigest });
}
const stateOf = async (id: string) =>
  itemsOf((await call('GET', '/exceptions?limit=200', ADMIN())).body).find((one) => String(one['id']) === id)?.[
    'state'
  ];
const sees = (action: string, entityId: string) => test.database.prisma.audit.count({ where: { action, entityId } });

describe('two people', () => {
  it('are not a token and one that it made, over however many between', async () => {
    const anna = await token('anna', 'admin', ADMIN());
    const second = await token('anna.two', 'admin', anna);
    const third = await token('anna.three', 'approver', second);
    const { id } = await request('own', anna);
    expect(await approve(id, anna)).toMatchObject({ status: 403, detail: 'token:anna asked for this exception.' });
    for (const made of [second, third])
      expect(await approve(id, made)).toMatchObject({
        code: 'APPROVER_IS_REQUESTER',
        detail: expect.stringMatching(/^token:anna\.\w+ was made by token:anna, which asked/),
      });
    expect((await approve(id, await token('ben', 'approver', ADMIN()))).status).toBe(200);
    // Anna's and Ben's were made by one token: allowed, and said to whoever reads the exception or the ledger.
    const maker = (await call('GET', '/me', ADMIN())).body['name'];
    const rows = itemsOf((await call('GET', '/exceptions/ledger?limit=200', ADMIN())).body);
    const shown = itemsOf((await call('GET', '/exceptions?limit=200', ADMIN())).body);
    expect(rows.find(({ exceptionId }) => String(exceptionId) === id)).toMatchObject({ commonMaker: maker });
    expect(shown.find((one) => String(one['id']) === id)).toMatchObject({ commonMaker: maker });
  });

  it('are not a token and the one that made it', async () => {
    const carla = await token('carla', 'admin', ADMIN());
    const { id } = await request('made', await token('carla.ci', 'admin', carla));
    expect(await approve(id, carla)).toMatchObject({
      code: 'APPROVER_IS_REQUESTER',
      detail: 'token:carla made the token token:carla.ci, which asked for this exception, or one that made it.',
    });
    expect((await approve(id, APPROVER())).status).toBe(200);
    const shown = itemsOf((await call('GET', '/exceptions?limit=200', ADMIN())).body);
    expect(shown.find((one) => String(one['id']) === id)).toMatchObject({ commonMaker: null });
  });

  it('have names of their own while they live, and an approval lasts as long as its holder may give one', async () => {
    const dora = await token('dora', 'approver', ADMIN());
    const twice = await call('POST', '/api-tokens', ADMIN(), { name: 'dora', role: 'reader' });
    expect([twice.status, twice.code]).toEqual([409, 'CONFLICT']);
    const { id } = await request('names', await token('emil', 'admin', ADMIN()));
    expect((await approve(id, dora)).status).toBe(200);
    const renewed = await token('dora', 'approver', ADMIN(), { replace: true });
    expect((await call('GET', '/me', dora)).status).toBe(401);
    await test.sweep();
    expect([(await call('GET', '/me', renewed)).status, await stateOf(id)]).toEqual([200, 'valid']);
    await token('dora', 'reader', ADMIN(), { replace: true });
    await test.sweep();
    expect(await stateOf(id)).toBe('revoked');
  });
});

describe('an approval', () => {
  it('is about the Macs that were shown, and says what changed since', async () => {
    const { id, mac } = await request('shown', ADMIN());
    const before = (await hostsOf(id)).body;
    expect(before).toMatchObject({ count: 1, items: [{ id: mac, joined: false }], nextCursor: null });
    const late = await addMac(test, { labels: ['shown'] });
    const refused = await approve(id, APPROVER(), before['digest']);
    expect([refused.status, refused.code]).toEqual([409, 'EXCEPTION_HOSTS_CHANGED']);
    expect(refused.detail).toContain(`joined: ${late}; left: none`);
    const [, joined] = itemsOf((await hostsOf(id)).body);
    expect(joined).toMatchObject({ id: late, joined: true });
    const page = await call('GET', `/exceptions/${id}/hosts?limit=1`, APPROVER());
    const rest = await call(
      'GET',
      `/exceptions/${id}/hosts?limit=1&cursor=${String(page.body['nextCursor'])}`,
      ADMIN(),
    );
    expect([...itemsOf(page.body), ...itemsOf(rest.body)].map((one) => one['id'])).toEqual([mac, late]);
    expect((await call('POST', `/exceptions/${id}/approve`, APPROVER(), {})).status).toBe(400);
    expect((await approve(id, APPROVER())).status).toBe(200);
  });

  it('is refused when the policy is archived, or has a revision that took the place of the one that was asked for', async () => {
    const archived = await request('archived', ADMIN());
    await call('DELETE', `/policies/${archived.policyId}`, ADMIN());
    expect(await approve(archived.id, APPROVER(), '1-x')).toMatchObject({
      status: 409,
      code: 'EXCEPTION_OUTDATED',
      detail: expect.stringMatching(/^The policy archived was archived at /),
    });
    const { id, policyId } = await request('revised', ADMIN());
    const revision = { quota: 16, selector: { labels: ['revised'] } };
    expect((await call('POST', `/policies/${policyId}/revisions`, ADMIN(), revision)).status).toBe(201);
    expect((await approve(id, APPROVER())).detail).toMatch(/for revision 1 of revised; expected the newest \(2\)/);
  });

  it('is refused after 30 days, in which the request lapsed, said once', async () => {
    const { id } = await request('lapses', ADMIN());
    test.clock.advance(30 * DAY_MS - 1);
    await test.sweep();
    expect(await stateOf(id)).toBe('waiting_for_approval');
    test.clock.advance(1);
    expect(await stateOf(id)).toBe('lapsed');
    expect((await approve(id, APPROVER())).code).toBe('EXCEPTION_OUTDATED');
    await test.sweep();
    await test.sweep();
    expect([await stateOf(id), await sees('exception.lapse', id)]).toEqual(['lapsed', 1]);
  });
});

describe('the clause that was accepted', () => {
  it('is read by its version, and the ledger names both', async () => {
    const rows = itemsOf((await call('GET', '/exceptions/ledger', ADMIN())).body);
    const version = String(rows[0]?.['clauseVersion']);
    const clause = await call('GET', `/licence-clauses/${version}`, ADMIN());
    expect(clause.body).toMatchObject({ version, text: expect.stringContaining('2.B.iii') });
    expect(clause.body['sha256']).toBe(rows[0]?.['shownTextSha256']);
    expect((await call('GET', '/licence-clauses/1999-01', ADMIN())).status).toBe(404);
  });
});
