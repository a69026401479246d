// Goal: what the API refuses, it refuses with a code, the field and the next step, and never half does it.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMac, EXCEPTION, itemsOf, openTestApi, type ReplyBody, type TestApi } from './support.ts';

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
    [
      'two arguments kept as one, which no grant would match',
      { exception: { ...EXCEPTION, keepArgs: ['serverperfmode=1 -v'] } },
      400,
      'VALIDATION_FAILED',
      'one argument each, without blanks',
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

  it('a body of many unknown fields: the answer stays small', async () => {
    const body = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`unknown-${index}`, 1]));
    const reply = await post(body);
    expect([reply.status, JSON.stringify(reply.body).length < 5_000]).toEqual([400, true]);
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

  it('a method that a path does not take: 405 with those that it takes, on every path', async () => {
    const paths = new Map<string, string[]>();
    for (const { path, method, open } of test.api.routes)
      paths.set(path, [...(paths.get(path) ?? []), method, ...(method === 'GET' && open === null ? ['HEAD'] : [])]);
    const rest = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
    for (const [path, methods] of paths) {
      const url = path.replaceAll(/\{\w+\}/g, NOBODY);
      for (const method of rest.filter((one) => !methods.includes(one))) {
        const { status, headers, body } = await test.call(method, url, { role: null });
        expect([method, url, status]).toEqual([method, url, 405]);
        expect(headers.get('allow')?.split(', ').sort()).toEqual([...new Set(methods)].sort());
        expect(headers.get('content-type')).toContain('application/problem+json');
        if (method !== 'HEAD') expect(body.code).toBe('METHOD_NOT_ALLOWED');
      }
      const asked = await test.call('OPTIONS', url, { role: null });
      expect([url, asked.status, asked.headers.get('allow')?.includes(methods[0] ?? '')]).toEqual([url, 204, true]);
    }
  });

  it('an expectation that nobody meets', async () => {
    const asked = request(`${test.url}/api/v1/hosts`, { headers: { expect: 'tea' } }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const text = (await answer.toArray()).join('');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      400,
      'application/problem+json; charset=utf-8',
    ]);
    expect((JSON.parse(text) as ReplyBody)['errors']?.['0']?.['path']).toBe('header.expect');
  });

  it('a page that is too long, and a cursor of nothing', async () => {
    const long = await test.call('GET', '/api/v1/hosts?limit=201');
    expect([long.status, long.body.errors?.[0]?.path]).toEqual([400, 'query.limit']);
    const cursor = await test.call('GET', '/api/v1/hosts?cursor=abc');
    expect([cursor.status, cursor.body.errors?.[0]?.path]).toEqual([400, 'query.cursor']);
    for (const limit of ['0', '-1', '1e9', '1e2', '%2B5', '0x10', '5.0', '%205', '1.5', 'NaN', '', '5&limit=6']) {
      const { status, body } = await test.call('GET', `/api/v1/hosts?limit=${limit}`);
      expect([limit, status, body.errors?.[0]?.path]).toEqual([limit, 400, 'query.limit']);
    }
  });

  it('a field of the query that the route does not know: a filter with a slip in it would show everything', async () => {
    const seen: unknown[] = [];
    for (const { method, path, permission } of test.api.routes) {
      if (permission === 'public') continue;
      const { status, body } = await test.call(method, `${path.replace(/\{\w+\}/g, NOBODY)}?lable=lab`);
      const { errors } = body as { errors?: { path: string; message: string }[] };
      seen.push([method, path, status, errors?.some(({ message }) => message.includes('"lable"'))]);
    }
    expect(seen).toEqual(seen.map((one) => [...(one as string[]).slice(0, 2), 400, true]));
    expect((await test.call('GET', '/healthz?t=1')).status, 'whoever asks whether it lives may say more').toBe(200);
  });

  it('a path that cannot be decoded, and a body that is not UTF-8', async () => {
    for (const path of ['/api/v1/hosts/%', '/api/v1/hosts/%ff', '/api/v1/hosts/%C0%AF/place']) {
      const { status, body, headers } = await test.call('GET', path);
      expect([path, status, body.code]).toEqual([path, 400, 'VALIDATION_FAILED']);
      expect(headers.get('content-type')).toContain('application/problem+json');
    }
    const bytes = Buffer.from('{"name":"caf\u00e9"}', 'latin1');
    const sent = { body: bytes, headers: { 'content-type': 'application/json' } };
    const { status, body } = await test.call('POST', '/api/v1/policies', sent);
    expect([status, body['detail']]).toEqual([400, 'The body is not JSON in UTF-8.']);
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

  it('a time is read as in filters, whoever asks, and refused with its field', async () => {
    const lists = ['visits', 'visit-route', 'run-sheets'];
    for (const list of lists) {
      for (const at of ['2026-11-29', '2026-11-29T08:00:00Z', '2026-11-29T08:00:00.123456%2B01:00', '2199-12-31'])
        expect([list, at, (await test.call('GET', `/api/v1/${list}?dueBefore=${at}`)).status]).toEqual([list, at, 200]);
      for (const at of ['0000-01-01T00:00:00Z', '9999-12-31', '2026-02-30', '1764403200', '', 'now'])
        expect(
          (await test.call('GET', `/api/v1/${list}?dueBefore=${at}`)).body['errors']?.[0]?.path,
          `${list} ${at}`,
        ).toBe('query.dueBefore');
    }
    const postpone = await test.call('POST', `/api/v1/visits/${NOBODY}/postpone`, { body: { dueAt: '0000-01-01' } });
    expect([postpone.status, postpone.body['errors']?.[0]?.path]).toEqual([400, 'body.dueAt']);
    const ring = await test.call('POST', `/api/v1/rollouts/${NOBODY}/rings/1e0/open`);
    expect([ring.status, ring.body['errors']?.[0]?.path]).toEqual([400, 'path.ring']);
    expect(String(ring.body['detail'])).toContain('in digits, seen "1e0"');
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

describe('a cursor', () => {
  it('leads through its own list, and through no other, nor the same one with other filters', async () => {
    const labels = ['paged'];
    for (let n = 0; n < 3; n += 1) await addMac(test, { labels });
    const list = '/api/v1/hosts?label=paged&limit=1';
    const pages: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await test.call('GET', `${list}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      pages.push(itemsOf(body).length);
      cursor = String(body['nextCursor'] ?? '');
      for (const other of ['/api/v1/hosts?', '/api/v1/hosts?label=lab&', '/api/v1/audit?', '/api/v1/policies?']) {
        if (cursor === '') continue;
        const { status, body } = await test.call('GET', `${other}cursor=${cursor}`);
        expect([other, status, body.errors?.[0]?.path]).toEqual([other, 400, 'query.cursor']);
      }
    } while (cursor !== '');
    expect(pages).toEqual([1, 1, 1]);
  });
});
