// Goal: no route exists that somebody may use by accident. The document is walked, not a list kept by hand.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS, permissionsOf, ROLES } from '../../apps/controller/src/api/permissions.ts';
import { openTestApi, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly permission: unknown;
}

async function operations(): Promise<readonly Operation[]> {
  const { body } = await test.call('GET', '/api/openapi.json', { role: null });
  return Object.entries(body['paths'] as unknown as Record<string, Record<string, Record<string, unknown>>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, '00000000-0000-7000-8000-000000000000'),
        id: String(operation['operationId']),
        permission: operation['x-permission'],
      })),
  );
}

describe('permissions', () => {
  it('stand on every route of the document', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(25);
    for (const { id, permission } of all) expect([...PERMISSIONS, 'public'], id).toContain(permission);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const open = all.filter(({ permission }) => permission === 'public').map(({ path }) => path);
    expect(open.sort()).toEqual(['/api/openapi.json', '/healthz', '/readyz']);
  });

  it('cover every route that is served, and every one is used', async () => {
    const all = await operations();
    expect(all.map(({ id }) => id).sort()).toEqual([...test.api.routes.map(({ id }) => id), 'getOpenApi'].sort());
    const used = new Set(all.map(({ permission }) => permission));
    expect(PERMISSIONS.filter((permission) => !used.has(permission))).toEqual([]);
  });

  it('keep out whoever has no token, or a wrong one', async () => {
    for (const { method, path, permission } of await operations()) {
      if (permission === 'public') continue;
      const none = await test.call(method, path, { role: null });
      expect([method, path, none.status, none.body.code]).toEqual([method, path, 401, 'UNAUTHENTICATED']);
      const headers = { authorization: 'Bearer hrt_wrongwrongwrongwrong' };
      // Or the wrong one is not even looked at any more.
      test.clock.advance(60_000);
      const wrong = await test.call(method, path, { role: null, headers });
      expect([method, path, wrong.status]).toEqual([method, path, 401]);
    }
  });

  it.each(ROLES)('%s may do exactly what the role says', async (role) => {
    for (const { method, path, permission } of await operations()) {
      if (permission === 'public') continue;
      const { status, body } = await test.call(method, path, { role });
      const may = (permissionsOf(role) as readonly unknown[]).includes(permission);
      expect([method, path, status === 403]).toEqual([method, path, !may]);
      if (!may) expect(body).toMatchObject({ code: 'FORBIDDEN', permission });
    }
  });

  it('end with the token', async () => {
    await test.database.prisma.apiToken.updateMany({ where: { name: 'tool' }, data: { revokedAt: test.clock.now() } });
    expect((await test.call('GET', '/api/v1/me', { role: 'tool' })).status).toBe(401);
    expect((await test.call('GET', '/api/v1/me', { role: 'reader' })).body).toMatchObject({
      name: 'token:reader',
      role: 'reader',
    });
  });
});
