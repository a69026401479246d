/** Tokens, roles and the end of a host, as an admin uses them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionsOf, ROLES } from '../../apps/controller/src/api/permissions.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { ensureAdminToken } from '../../apps/controller/src/process/admin-token.ts';
import { addMac, itemsOf, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const withToken = (token: unknown) => ({ role: null, headers: { authorization: `Bearer ${String(token)}` } });

describe('enrolment tokens', () => {
  it('are made, listed without their texts, and ended before their time, by admins', async () => {
    const order = { uses: 3, labels: ['lab'], expiresInHours: 2 };
    const made = await test.call('POST', '/api/v1/enrol-tokens', { body: order, role: 'tool' });
    const { id, token, expiresAt } = made.body;
    const listed = await test.call('GET', '/api/v1/enrol-tokens?limit=1');
    expect(itemsOf(listed.body)[0]).toMatchObject({
      id,
      usesLeft: 3,
      labels: ['lab'],
      createdBy: 'token:tool',
      expiresAt,
    });
    expect(JSON.stringify(listed.body)).not.toContain(String(token).split('.')[1]);
    const end = (role: 'tool' | 'admin', which: unknown = id) =>
      test.call('DELETE', `/api/v1/enrol-tokens/${String(which)}`, { role });
    expect((await end('tool')).status).toBe(403);
    expect((await end('admin')).status).toBe(200);
    expect((await end('admin', '00000000-0000-7000-8000-000000000000')).status).toBe(404);
    const [ended] = itemsOf((await test.call('GET', '/api/v1/enrol-tokens')).body);
    expect(ended?.['expiresAt']).toBe(test.clock.now().toISOString());
  });
});

describe('API tokens', () => {
  it('are made, listed without their texts, and revoked', async () => {
    const body = { name: 'ci', role: 'tool' };
    const made = await test.call('POST', '/api/v1/api-tokens', { body });
    expect(made.status).toBe(201);
    const { token, id } = made.body;
    expect((await test.call('GET', '/api/v1/me', withToken(token))).body).toMatchObject({
      name: 'token:ci',
      role: 'tool',
    });
    const listed = await test.call('GET', '/api/v1/api-tokens?limit=2');
    expect(itemsOf(listed.body)[0]).toMatchObject({ id, ...body, revokedAt: null });
    expect(JSON.stringify(listed.body)).not.toContain(String(token));
    const next = await test.call('GET', `/api/v1/api-tokens?limit=10&cursor=${String(listed.body['nextCursor'])}`);
    expect(itemsOf(listed.body).length + itemsOf(next.body).length).toBe(ROLES.length + 1);
    for (const _ of [1, 2]) {
      const revoked = await test.call('DELETE', `/api/v1/api-tokens/${String(id)}`);
      expect([revoked.status, revoked.body['revokedAt']]).toEqual([200, test.clock.now().toISOString()]);
    }
    expect((await test.call('GET', '/api/v1/me', withToken(token))).status).toBe(401);
    const audit = await test.database.prisma.audit.findMany({ where: { entityId: String(id) } });
    expect(audit.map(({ action, actor }) => [action, actor]).sort()).toEqual([
      ['api_token.create', 'token:admin'],
      ['api_token.revoke', 'token:admin'],
    ]);
  });

  it('of a controller has a name of its own where one named admin lives', async () => {
    await ensureAdminToken(test.database, test.stateDir, test.clock);
    const { prisma } = test.database;
    const { name, role } = await prisma.apiToken.findFirstOrThrow({ orderBy: { id: 'desc' } });
    expect([role, name]).toEqual(['admin', expect.stringMatching(/^admin-[0-9a-f]{8}$/)]);
  });

  it('of nothing cannot be revoked', async () => {
    expect((await test.call('DELETE', `/api/v1/api-tokens/${uuidv7()}`)).status).toBe(404);
  });
});

describe('roles', () => {
  it('stand in one table that everybody may read', async () => {
    const { body } = await test.call('GET', '/api/v1/roles', { role: 'reader' });
    expect(itemsOf(body)).toEqual(ROLES.map((role) => ({ role, permissions: [...permissionsOf(role)] })));
  });
});

describe('the end of a host', () => {
  const certify = async (hostId: string) => {
    const { siteId, prisma } = test.database;
    const [issuedAt, notAfter] = [test.clock.now(), new Date(test.clock.now().getTime() + 1e9)];
    const serial = uuidv7().replaceAll('-', '');
    const data = { serial, siteId, hostId, publicKeySha256: 'a', pem: 'x', issuedAt, notAfter };
    await prisma.certificate.create({ data });
    return serial;
  };
  const retire = (id: string, body: object) => test.call('POST', `/api/v1/hosts/${id}/retire`, { body });

  it('revokes its certificates, ends its work and takes it off the list', async () => {
    const id = await addMac(test, { labels: ['old'] });
    const serial = await certify(id);
    const { siteId, prisma } = test.database;
    await prisma.visit.create({
      data: { id: uuidv7(), siteId, hostId: id, kind: 'raise', state: 'due', reason: 'x', createdAt: test.clock.now() },
    });
    expect((await retire(id, { reason: 'sold' })).status).toBe(200);
    expect((await test.call('GET', `/api/v1/hosts/${id}`)).status).toBe(404);
    expect((await prisma.certificate.findUniqueOrThrow({ where: { serial } })).revokedAt).not.toBeNull();
    expect(await prisma.visit.findFirstOrThrow({ where: { hostId: id } })).toMatchObject({ state: 'withdrawn' });
    expect(await prisma.audit.count({ where: { entityId: id, action: 'host.retire' } })).toBe(1);
    expect((await retire(id, { reason: 'sold' })).status).toBe(404);
  });

  it('is refused while the Mac may be raised: one that is stolen is forgotten, and listed as that', async () => {
    const id = await addMac(test);
    await test.database.prisma.hostState.update({ where: { hostId: id }, data: { state: 'raised' } });
    const refused = await retire(id, { reason: 'stolen' });
    expect([refused.status, refused.body['code'], refused.body['state']]).toEqual([
      409,
      'HOST_MAY_BE_RAISED',
      'raised',
    ]);
    const serial = await certify(id);
    const forget = (body: object) => test.call('POST', `/api/v1/hosts/${id}/forget`, { body });
    expect((await forget({})).status, 'without a reason').toBe(400);
    expect((await forget({ reason: 'stolen' })).status).toBe(200);
    const { prisma } = test.database;
    const audit = await prisma.audit.findFirstOrThrow({ where: { entityId: id, action: 'host.forget' } });
    expect(audit.after).toMatchObject({ reason: 'stolen', state: 'raised' });
    expect((await prisma.certificate.findUniqueOrThrow({ where: { serial } })).revokedAt).not.toBeNull();
    const listed = async (query: string) => itemsOf((await test.call('GET', `/api/v1/hosts${query}`)).body);
    expect((await listed('')).some((one) => String(one['id']) === id)).toBe(false);
    expect(await listed('?ended=forgotten&filter=state==raised')).toMatchObject([
      { id, state: 'raised', end: { kind: 'forgotten', reason: 'stolen' } },
    ]);
    expect((await listed('?ended=retired')).some((one) => String(one['id']) === id)).toBe(false);
  });

  it('may be the end of its certificates alone', async () => {
    const id = await addMac(test);
    const serial = await certify(id);
    const path = `/api/v1/hosts/${id}/certificates/revoke`;
    expect((await test.call('POST', path, { body: { reason: 'lost' } })).body).toEqual({ id, serials: [serial] });
    expect((await test.call('POST', path, { body: { reason: 'lost' } })).body).toEqual({ id, serials: [] });
    expect((await test.call('GET', `/api/v1/hosts/${id}`)).status).toBe(200);
  });
});

describe('a token that is not known', () => {
  const me = (token: string) => test.call('GET', '/api/v1/me', withToken(token));
  const unknown = (n: number) => `hrt_nobodysToken${n}`;
  /** Statuses of so many tries, in order, each told once. */
  async function tries(count: number, tokenOf: (n: number) => string): Promise<readonly string[]> {
    const seen: string[] = [];
    for (let n = 0; n < count; n += 1) seen.push(String((await me(tokenOf(n))).status));
    return seen.filter((status, index) => status !== seen[index - 1]);
  }

  it('is not looked for again and again, and who tries many waits; whose token was good does not', async () => {
    test.clock.advance(2 * 3_600_000);
    expect((await me(test.token('admin'))).status).toBe(200);
    expect(await tries(20, () => unknown(0))).toEqual(['401', '429']);
    expect((await me(unknown(1))).status, 'one forgotten script is nobody else').toBe(401);
    expect(await tries(80, unknown)).toEqual(['429', '401', '429']);
    expect((await me(test.token('reader'))).body, 'never seen from here, and not looked for').toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect((await me(test.token('admin'))).status, 'it was good a moment ago').toBe(200);
    test.clock.advance(60_000);
    expect((await me(test.token('reader'))).status, 'a minute later').toBe(200);
    const { body } = await test.call('GET', '/metrics', { role: 'admin' });
    expect(String(body)).toMatch(/headroom_api_sign_ins_refused_total\{why="limited"\} [1-9]/);
  });

  it('is not good any more from the moment that it is revoked, however good it was', async () => {
    const { body } = await test.call('POST', '/api/v1/api-tokens', { body: { name: 'soon-gone', role: 'tool' } });
    expect((await me(String(body['token']))).status).toBe(200);
    await test.call('DELETE', `/api/v1/api-tokens/${String(body['id'])}`);
    expect((await me(String(body['token']))).status).toBe(401);
  });
});
