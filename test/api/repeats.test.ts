/** A request that is sent twice acts once, and a change on something that moved on is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Idempotency } from '../../apps/controller/src/api/idempotency.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { partlyDone } from '../../apps/controller/src/db/undone.ts';
import { addMac, openTestApi, type Reply, type TestApi } from './support.ts';

let test: TestApi;
let host: string;
beforeAll(async () => {
  test = await openTestApi();
  host = await addMac(test, { labels: ['lab'] });
});
afterAll(() => test.stop());

const policy = (name: string, quota: number | string = 'stock') => ({ name, quota, selector: { labels: ['lab'] } });
const post = (key: string, body: unknown, path = '/api/v1/policies', role: 'admin' | 'tool' = 'admin') =>
  test.call('POST', path, { role, body, headers: { 'idempotency-key': key } });
const codeOf = ({ status, body }: Reply) => [status, body['code']];

describe('Idempotency-Key', () => {
  it('gives a repeat the answer of the first request, which alone acts', async () => {
    const first = await post('k1', policy('one'));
    const again = await post('k1', policy('one'));
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(await test.database.prisma.policy.count({ where: { name: 'one' } })).toBe(1);
  });

  it('refuses another body under the same key', async () => {
    await post('k2', policy('two'));
    expect(codeOf(await post('k2', policy('two-b')))).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    expect(await test.database.prisma.policy.count({ where: { name: 'two-b' } })).toBe(0);
  });

  it('belongs to one token and one route', async () => {
    const body = { labels: ['lab'] };
    expect((await post('k3', body, '/api/v1/enrol-tokens', 'tool')).status).toBe(201);
    expect((await post('k3', body, '/api/v1/enrol-tokens', 'admin')).status).toBe(201);
    expect((await post('k3', policy('three'))).status).toBe(201);
  });

  it('acts once when repeats come at the same time', async () => {
    const replies = await Promise.all(Array.from({ length: 6 }, () => post('k4', policy('four'))));
    expect(await test.database.prisma.policy.count({ where: { name: 'four' } })).toBe(1);
    for (const reply of replies) expect([201, 409]).toContain(reply.status === 409 ? codeOf(reply)[0] : reply.status);
    for (const reply of replies.filter(({ status }) => status === 409))
      expect(codeOf(reply)).toEqual([409, 'IDEMPOTENCY_OUTCOME_UNKNOWN']);
    expect((await post('k4', policy('four'))).status).toBe(201);
  });

  it('does not guess the outcome of a request that was cut off', async () => {
    await post('k5', policy('five'));
    await test.database.prisma.idempotencyKey.updateMany({ where: { key: 'k5' }, data: { status: null } });
    expect(codeOf(await post('k5', policy('five')))).toEqual([409, 'IDEMPOTENCY_OUTCOME_UNKNOWN']);
  });

  it('is free again when Postgres undid all of it, and only then', async () => {
    const { database, clock } = test;
    const idempotency = new Idempotency(database);
    const tokenId = uuidv7();
    const once = (key: string, work: () => Promise<unknown>) => {
      const request = { row: { id: 'test' }, tokenId, key, content: ['/', {}] as const, now: clock.now() };
      return idempotency.once(request, async () => ({ status: 200, body: await work(), etag: null }));
    };
    const deadlock = () =>
      database.transaction((tx) => tx.$executeRaw`DO $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '40P01'; END $$`);
    await expect(once('undone', deadlock)).rejects.toThrow(/met/);
    expect((await once('undone', async () => 'done')).body).toBe('done');
    const partly = () =>
      deadlock().catch((error: unknown) => {
        throw partlyDone(error);
      });
    await expect(once('partly', partly)).rejects.toThrow(/met/);
    await expect(once('partly', async () => 'done')).rejects.toThrow(/IDEMPOTENCY_OUTCOME_UNKNOWN/);
  });

  it('keeps a refusal as it was', async () => {
    const first = await post('k6', policy('six', 1));
    const again = await post('k6', policy('six', 1));
    expect(codeOf(first)).toEqual([422, 'QUOTA_INVALID']);
    expect(again.body).toEqual(first.body);
  });

  it('shows a secret once, and stores none', async () => {
    const order = { name: 'ci', role: 'reader' };
    const first = await post('k7', order, '/api/v1/api-tokens');
    expect(codeOf(await post('k7', order, '/api/v1/api-tokens'))).toEqual([409, 'IDEMPOTENCY_SECRET_SHOWN']);
    const rows = await test.database.prisma.idempotencyKey.findMany();
    expect(JSON.stringify(rows)).not.toContain(String(first.body['token']).slice(4));
    expect(await test.database.prisma.apiToken.count({ where: { name: 'ci' } })).toBe(1);
  });

  it('is forgotten after a day', async () => {
    await post('k8', policy('eight'));
    test.clock.advance(24 * 3_600_000 - 1);
    await test.sweep();
    expect(await test.database.prisma.idempotencyKey.count({ where: { key: 'k8' } })).toBe(1);
    test.clock.advance(1);
    await test.sweep();
    expect(await test.database.prisma.idempotencyKey.count({ where: { key: 'k8' } })).toBe(0);
  });

  it('has to look like a key', async () => {
    for (const key of ['', 'a b', 'x'.repeat(129)])
      expect(codeOf(await post(key, policy('nine'))), key).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('If-Match', () => {
  const label = (name: string, etag: string | null, method = 'PUT') =>
    test.call(method, `/api/v1/hosts/${host}/labels/${name}`, { headers: etag === null ? {} : { 'if-match': etag } });
  const etagOf = (reply: Reply) => reply.headers.get('etag') ?? 'none';

  it('guards the labels of a host, and stays through reports', async () => {
    const before = etagOf(await test.call('GET', `/api/v1/hosts/${host}`));
    await test.database.prisma.hostReport.update({ where: { hostId: host }, data: { lastSeenAt: test.clock.now() } });
    expect(etagOf(await test.call('GET', `/api/v1/hosts/${host}`))).toBe(before);
    const added = await label('new', before);
    expect(added.body['labels']).toEqual(['lab', 'new']);
    expect(etagOf(added)).toBe(etagOf(await test.call('GET', `/api/v1/hosts/${host}`)));
    const stale = await label('new', before, 'DELETE');
    expect(codeOf(stale)).toEqual([412, 'PRECONDITION_FAILED']);
    expect(stale.body['etag']).toBe(etagOf(added));
    expect((await label('new', etagOf(added), 'DELETE')).body['labels']).toEqual(['lab']);
    expect((await label('new', '*')).status).toBe(200);
  });

  it('guards the revisions of a policy', async () => {
    const { policyId } = (await test.call('POST', '/api/v1/policies', { body: policy('guarded') })).body;
    const path = `/api/v1/policies/${String(policyId)}`;
    const etag = etagOf(await test.call('GET', path));
    const { name: _name, ...revision } = policy('guarded');
    const revise = () => test.call('POST', `${path}/revisions`, { body: revision, headers: { 'if-match': etag } });
    expect((await revise()).status).toBe(201);
    expect(codeOf(await revise())).toEqual([412, 'PRECONDITION_FAILED']);
    const apply = await test.call('POST', `${path}/apply`, { body: {}, headers: { 'if-match': etag } });
    expect(codeOf(apply)).toEqual([412, 'PRECONDITION_FAILED']);
    expect(etagOf(await test.call('GET', path))).not.toBe(etag);
  });

  it('guards the filter of a label rule', async () => {
    const made = await test.call('POST', '/api/v1/label-rules', { body: { label: 'guarded', filter: 'os=ge=14' } });
    const change = (filter: string, etag: string) =>
      test.call('PATCH', `/api/v1/label-rules/${String(made.body['id'])}`, {
        body: { filter },
        headers: { 'if-match': etag },
      });
    const changed = await change('os=ge=15', etagOf(made));
    expect(changed.status).toBe(200);
    expect(codeOf(await change('os=ge=13', etagOf(made)))).toEqual([412, 'PRECONDITION_FAILED']);
    expect((await change('os=ge=14', etagOf(changed))).status).toBe(200);
  });

  it('guards a rollout that people move', async () => {
    const made = await test.call('POST', '/api/v1/policies', { body: { ...policy('moved'), apply: true } });
    const path = `/api/v1/rollouts/${String(made.body['rolloutId'])}`;
    const etag = etagOf(await test.call('GET', path));
    const move = (how: string, ifMatch: string) =>
      test.call('POST', `${path}/${how}`, { headers: { 'if-match': ifMatch } });
    const paused = await move('pause', etag);
    expect([paused.status, etagOf(paused)]).toEqual([200, etagOf(await test.call('GET', path))]);
    expect(codeOf(await move('resume', etag))).toEqual([412, 'PRECONDITION_FAILED']);
    expect((await move('resume', etagOf(paused))).status).toBe(200);
  });

  it('guards what is removed', async () => {
    const made = await test.call('POST', '/api/v1/policies', { body: policy('removed') });
    const rule = await test.call('POST', '/api/v1/label-rules', { body: { label: 'removed', filter: 'os=ge=14' } });
    const fields = { name: 'removed', url: 'http://127.0.0.1:9/', events: ['visit.*'] };
    const hook = await test.call('POST', '/api/v1/webhooks', { body: fields });
    for (const path of [
      `/api/v1/policies/${String(made.body['policyId'])}`,
      `/api/v1/label-rules/${String(rule.body['id'])}`,
      `/api/v1/webhooks/${String(hook.body['id'])}`,
    ]) {
      const etag = etagOf(await test.call('GET', path));
      const remove = (ifMatch: string) => test.call('DELETE', path, { headers: { 'if-match': ifMatch } });
      expect([path, ...codeOf(await remove('"other"'))]).toEqual([path, 412, 'PRECONDITION_FAILED']);
      expect([path, (await remove(etag)).status]).toEqual([path, 200]);
    }
  });

  it('is never passed over', async () => {
    const reply = await test.call('GET', '/api/v1/me', { headers: { 'if-match': '"x"' } });
    expect(codeOf(reply)).toEqual([400, 'VALIDATION_FAILED']);
    expect(codeOf(await label('x', 'no quotes'))).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('limits', () => {
  it('hold for path, query and headers, each with a code', async () => {
    const long = await test.call('GET', `/api/v1/hosts?cursor=${'x'.repeat(5000)}`);
    expect(codeOf(long)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const many = await test.call('GET', `/api/v1/hosts?${'label=a&'.repeat(70)}`);
    expect(codeOf(many)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const headers = await test.call('GET', '/api/v1/me', { headers: { 'x-large': 'x'.repeat(20_000) } });
    expect(codeOf(headers)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect((await test.call('GET', '/api/v1/me')).status).toBe(200);
  });
});
