// Goal: what the API refuses, it refuses with a code, the field and the next step, and never half does it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMac, EXCEPTION, openTestApi, type ReplyBody, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addMac(test, { labels: ['lab'] });
});
afterAll(() => test.stop());

const policy = (changes: object) => ({
  name: 'lab',
  quota: 255,
  selector: { labels: ['lab'] },
  exception: EXCEPTION,
  apply: true,
  ...changes,
});
const NOBODY = '00000000-0000-7000-8000-000000000000';
const post = (body: unknown) => test.call('POST', '/api/v1/policies', { body });

describe('refusals', () => {
  it.each([
    ['a missing name', { name: undefined }, 400, 'VALIDATION_FAILED', 'body.name'],
    ['an unknown field', { colour: 'red' }, 400, 'VALIDATION_FAILED', 'body'],
    ['a label that is none', { selector: { labels: ['a b'] } }, 400, 'VALIDATION_FAILED', 'body.selector.labels.0'],
    ['a host nobody knows', { selector: { hosts: ['S999'] } }, 400, 'VALIDATION_FAILED', 'body.selector.hosts.0'],
    ['a leading 0', { quota: '010' }, 422, 'QUOTA_INVALID', 'octal'],
    ['a quota of 1', { quota: 1 }, 422, 'QUOTA_INVALID', 'below'],
    ['a quota that goes negative', { quota: '0x80000000' }, 422, 'QUOTA_INVALID', '0x7FFFFFFF'],
    ['an argument not on the list', { extraArgs: ['serial=3'] }, 422, 'BOOT_ARGS_NOT_ALLOWED', 'serial=3'],
    ['no selector', { selector: {} }, 422, 'SELECTOR_EMPTY', 'Neither'],
    ['a label no Mac has', { selector: { labels: ['elsewhere'] } }, 422, 'SELECTOR_EMPTY', 'label elsewhere'],
    ['no exception', { exception: undefined }, 422, 'EXCEPTION_REQUIRED', 'above stock'],
    [
      'another clause',
      { exception: { ...EXCEPTION, acceptClause: '2020-01' } },
      422,
      'EXCEPTION_CLAUSE_NOT_ACCEPTED',
      '2026-11',
    ],
    ['an expiry of 366 days', { exception: { ...EXCEPTION, expiresInDays: 366 } }, 422, 'EXPIRY_OUT_OF_RANGE', '365'],
    [
      'a forbidden argument kept',
      { exception: { ...EXCEPTION, keepArgs: ['amfi_get_out_of_my_way=1'] } },
      409,
      'BOOT_ARGS_FORBIDDEN',
      'amfi',
    ],
  ])('%s', async (_what, changes, status, code, text) => {
    const reply = await post(policy(changes));
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(JSON.stringify([reply.body.detail, reply.body.errors])).toContain(text);
    expect(String(reply.body['remedy']).length).toBeGreaterThan(10);
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
    expect(await test.database.prisma.policy.count()).toBe(0);
    expect(await test.database.prisma.riskException.count()).toBe(0);
  });

  it('a body that is not JSON, or too large', async () => {
    const headers = { 'content-type': 'application/json' };
    const broken = await test.call('POST', '/api/v1/policies', { body: '{"name":', headers });
    expect([broken.status, broken.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    const large = await test.call('POST', '/api/v1/policies', { body: `{"name":"${'x'.repeat(300_000)}"}`, headers });
    expect([large.status, large.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const untyped = await test.call('POST', '/api/v1/policies', { body: '{}' });
    expect([untyped.status, untyped.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it('paths, methods and ids that do not exist', async () => {
    for (const [method, path] of [
      ['GET', '/api/v1/nothing'],
      ['DELETE', '/api/v1/hosts'],
      ['GET', '/'],
      ['GET', '/api/v1/hosts/00000000-0000-7000-8000-000000000000'],
      ['POST', '/api/v1/visits/00000000-0000-7000-8000-000000000000/open'],
      ['POST', '/api/v1/policies/00000000-0000-7000-8000-000000000000/apply'],
      ['GET', '/api/v1/rollouts/00000000-0000-7000-8000-000000000000'],
    ] as const) {
      const { status, body } = await test.call(method, path);
      expect([method, path, status, body.code]).toEqual([method, path, 404, 'NOT_FOUND']);
    }
    const noId = await test.call('GET', '/api/v1/hosts/7');
    expect([noId.status, noId.body.errors?.[0]?.path]).toEqual([400, 'path.id']);
  });

  it('a page that is too long, and a cursor of nothing', async () => {
    const long = await test.call('GET', '/api/v1/hosts?limit=201');
    expect([long.status, long.body.errors?.[0]?.path]).toEqual([400, 'query.limit']);
    const cursor = await test.call('GET', '/api/v1/hosts?cursor=abc');
    expect([cursor.status, cursor.body.errors?.[0]?.path]).toEqual([400, 'query.cursor']);
  });
});

describe('values that no table takes', () => {
  const shapeOf = (schema: unknown) => Object.keys((schema as { shape?: object } | null)?.shape ?? {});
  const pathOf = (path: string, value: string) => path.replace(/\{\w+\}/, value).replace(/\{\w+\}/g, NOBODY);

  it.each([
    ['U+0000', '%00', 'a\0b'],
    ['half a surrogate pair', null, 'a\ud800b'],
  ])(
    '%s is refused by every route, in path, query and body, with the name of the field',
    async (_what, coded, text) => {
      let asked = 0;
      for (const { method, path, params, query, body } of test.api.routes) {
        const ways = [
          ...(coded === null
            ? []
            : shapeOf(params)
                .slice(0, 1)
                .map((key) => ['path', key, pathOf(path, coded), undefined])),
          ...(coded === null
            ? []
            : shapeOf(query).map((key) => ['query', key, `${pathOf(path, NOBODY)}?${key}=${coded}`, undefined])),
          ...shapeOf(body).map((key) => ['body', key, pathOf(path, NOBODY), { [key]: text }]),
        ] as const;
        for (const [where, key, url, sent] of ways) {
          const content = sent === undefined && body !== null ? {} : sent;
          const reply = await test.call(method, String(url), content === undefined ? {} : { body: content });
          const seen = [method, url, reply.status, reply.body['errors']?.[0]?.path];
          expect(seen).toEqual([method, url, 400, `${where}.${key}`]);
          asked += 1;
        }
      }
      expect(asked).toBeGreaterThan(40);
    },
  );

  it('deep in a body, in a name, and however deep it is nested', async () => {
    const deep = await post(policy({ selector: { labels: ['lab'], hosts: ['S1', 'S\0'] } }));
    expect([deep.status, deep.body.errors?.[0]?.path]).toEqual([400, 'body.selector.hosts.1']);
    const name = await post(policy({ 'a\0': 1 }));
    expect([name.status, name.body.errors?.[0]?.path]).toEqual([400, 'body']);
    const headers = { 'content-type': 'application/json' };
    const nested = `{"name":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
    const reply = await test.call('POST', '/api/v1/policies', { body: nested, headers });
    expect([reply.status, reply.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it('a body nested deeper than it can be kept is refused by every route that takes one, as such', async () => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'nested' };
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    let asked = 0;
    for (const { method, path, body } of test.api.routes) {
      if (body === null) continue;
      for (const levels of [65, 20_000]) {
        const reply = await test.call(method, pathOf(path, NOBODY), { body: nested(levels), headers });
        const [error] = (reply.body['errors'] ?? []) as unknown as readonly ReplyBody[];
        expect([method, path, reply.status, error?.['path']]).toEqual([method, path, 400, 'body']);
        expect(String(error?.['message'])).toContain('at most 64 objects or lists inside one another');
      }
      const reply = await test.call(method, pathOf(path, NOBODY), { body: nested(64), headers });
      expect(JSON.stringify(reply.body)).not.toContain('inside one another');
      expect(reply.status).toBeLessThan(500);
      asked += 1;
    }
    expect(asked).toBeGreaterThan(20);
  });

  it.each([
    ['GET', '/api/v1/visits?dueBefore=0000-01-01T00:00:00Z', undefined],
    ['GET', '/api/v1/hosts?filter=quota%3D%3D99999999999', undefined],
    ['GET', '/api/v1/hosts?limit=1e400', undefined],
    ['POST', '/api/v1/policies', policy({ priority: 3e9 })],
    ['POST', '/api/v1/policies', policy({ quota: 1e300 })],
    ['POST', '/api/v1/policies', policy({ exception: { ...EXCEPTION, expiresInDays: 1e300 } })],
    ['POST', '/api/v1/enrol-tokens', { labels: [], uses: 1e12 }],
  ])('numbers and times out of range are no error of ours: %s %s', async (method, path, body) => {
    const { status, body: reply } = await test.call(method, path, body === undefined ? {} : { body });
    expect([400, 422], JSON.stringify(reply)).toContain(status);
  });

  it('the remedy of an empty selector can be followed', async () => {
    const empty = await post(policy({ selector: {} }));
    const [, filter] = /filter by the site, such as `(.+?)`/.exec(String(empty.body['remedy'])) ?? [];
    const dryRun = { selector: { filter }, reason: 'test', dryRun: true };
    const { status, body } = await test.call('POST', '/api/v1/reverts', { body: dryRun });
    expect([status, body['leftOut']?.['0']?.['hosts']]).toEqual([200, 1]);
  });
});

describe('what anybody can ask', () => {
  it('is alive and ready', async () => {
    expect((await test.call('GET', '/healthz', { role: null })).body).toEqual({ status: 'ok' });
    expect((await test.call('GET', '/readyz', { role: null })).body).toEqual({ status: 'ok', failing: [] });
  });

  it('figures, for a tool', async () => {
    const { body, headers } = await test.call('GET', '/metrics', { role: 'tool' });
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(body).toContain('headroom_hosts{state="no_facts"} 1\n');
    expect(body).toContain('headroom_webhook_deliveries{state="dead"} 0\n');
    for (const state of ['queued', 'leased', 'cancelling'])
      expect(body).toContain(`headroom_jobs{state="${state}"} 0\n`);
    expect(body).toContain(
      '# TYPE headroom_jobs_ended_total counter\nheadroom_jobs_ended_total{state="succeeded"} 0\n',
    );
    expect(body).toMatch(/process_resident_memory_bytes \d+\n/);
  });

  it('makes enrolment tokens that carry labels', async () => {
    const body = { labels: ['lab'], uses: 3 };
    const reply = await test.call('POST', '/api/v1/enrol-tokens', { role: 'tool', body });
    expect(reply.status).toBe(201);
    expect(String(reply.body['token']).split('.')).toHaveLength(3);
    const row = await test.database.prisma.enrolToken.findUniqueOrThrow({ where: { id: String(reply.body['id']) } });
    expect(row).toMatchObject({ usesLeft: 3, labels: ['lab'], createdBy: 'token:tool' });
    expect(JSON.stringify(row)).not.toContain(String(reply.body['token']).split('.')[1]);
  });
});
