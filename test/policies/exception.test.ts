// Goal: every raise rests on a consent that somebody gave, that ends as it said, and that the ledger shows with its evidence.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiToken } from '../../apps/controller/src/api/api-tokens.ts';
import { ledgerCsv, readLowerings } from '../../apps/controller/src/exceptions/ledger.ts';
import { KC, kdkReadyFacts, kitPlacedFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, itemsOf, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';

let test: TestApi;
let mac = '';
beforeAll(async () => {
  test = await openTestApi();
  mac = await addMac(test, { labels: ['lab'], facts: kdkReadyFacts() });
});
afterAll(() => test.stop());

const DAY_MS = 86_400_000;
const call = async (method: string, path: string, body?: object, role: 'admin' | 'approver' = 'admin') => {
  const reply = await test.call(method, `/api/v1${path}`, { role, ...(body !== undefined && { body }) });
  return { ...reply, code: reply.body['code'] as unknown as string | undefined };
};
const shown = async (id: unknown) =>
  String((await call('GET', `/exceptions/${String(id)}/hosts`)).body['digest'] ?? 'none');
const approve = async (id: unknown, role: 'admin' | 'approver', more: object = {}) =>
  call('POST', `/exceptions/${String(id)}/approve`, { hostsDigest: await shown(id), ...more }, role);
const exceptionOf = async (id: unknown) =>
  itemsOf((await call('GET', '/exceptions')).body).find((one) => String(one['id']) === String(id));
const ledger = async () => itemsOf((await call('GET', '/exceptions/ledger?limit=200')).body);
const policy = (name: string, exception: object, more: object = {}) =>
  call('POST', '/policies', { name, quota: 8, selector: { hosts: [mac] }, apply: true, exception, ...more });

describe('an exception', () => {
  it('above 16 guests is asked again', async () => {
    const once = { ...EXCEPTION, confirmHighQuota: false };
    expect((await policy('high', once, { quota: 17 })).code).toBe('QUOTA_HIGH_UNCONFIRMED');
    expect((await policy('not high', once, { quota: 16 })).status).toBe(201);
    await call('DELETE', `/policies/${String((await call('GET', '/policies')).body['items']?.['0']?.['id'])}`);
  });

  it('above 16 guests is asked again of the second person, too', async () => {
    const asked = await policy('four high', { ...EXCEPTION, approvals: 'four-eyes' }, { quota: 17 });
    const id = asked.body['exceptionId'];
    expect((await approve(id, 'approver')).code).toBe('QUOTA_HIGH_UNCONFIRMED');
    expect((await approve(id, 'approver', { confirmHighQuota: true })).status).toBe(200);
    await call('DELETE', `/policies/${String(asked.body['policyId'])}`);
  });

  it('with four eyes has no grant before another token approves, and covers the Macs of that moment', async () => {
    const asked = await policy('four', { ...EXCEPTION, approvals: 'four-eyes' });
    expect(asked.body).toMatchObject({ rolloutId: null, waitsFor: expect.stringMatching(/Another person approves/) });
    const { exceptionId: id, policyId } = asked.body;
    expect(await exceptionOf(id)).toMatchObject({ state: 'waiting_for_approval', approver: null, grants: [] });
    expect((await call('POST', `/policies/${String(policyId)}/apply`, {})).code).toBe('EXCEPTION_REQUIRED');
    expect((await approve(id, 'admin')).code).toBe('APPROVER_IS_REQUESTER');
    test.clock.advance(DAY_MS);
    expect((await approve(id, 'approver')).status).toBe(200);
    expect((await approve(id, 'approver')).code).toBe('CONFLICT');
    const approved = await exceptionOf(id);
    expect(approved).toMatchObject({ state: 'valid', requestedBy: 'token:admin', approver: 'token:approver' });
    expect(Date.parse(String(approved?.['expiresAt'])) - test.clock.now().getTime()).toBe(90 * DAY_MS);
    expect((await call('POST', `/policies/${String(policyId)}/apply`, {})).body).toMatchObject({ hosts: 1 });
  });
});

describe('the ledger', () => {
  it('traces every lowering to the one grant that its plan carried', async () => {
    await test.sweep();
    await finishJob(test, mac, KC, kdkReadyFacts());
    const placed = { kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt: (await grant()).expiresAt.toISOString() };
    await finishJob(test, mac, placed, kitPlacedFacts());
    await test.sweep();
    const lowerings = await readLowerings(test.database);
    expect(lowerings).toMatchObject([{ hostId: mac, kind: 'place_kit', grantId: (await grant()).id, traced: true }]);
    await test.database.prisma.grant.updateMany({ data: { revokedAt: new Date('2026-01-01') } });
    expect(await readLowerings(test.database)).toMatchObject([{ traced: false }]);
    await test.database.prisma.grant.updateMany({ data: { revokedAt: null } });
    const rows = await ledger();
    expect(rows.find((row) => String(row['grantId']) === lowerings[0]?.grantId)).toMatchObject({
      policy: 'four',
      requestedBy: 'token:admin',
      approver: 'token:approver',
      approvals: 'four-eyes',
      hostId: mac,
      quotaMax: 8,
      lowerings: 1,
      evidencePieces: 8,
      evidence: expect.arrayContaining([{ id: 'development_kernel', holds: false, seen: 'release' }]),
    });
    const inBytes = { grantId: null, grantEndsAt: null };
    await test.database.prisma.plan.updateMany({ data: inBytes });
    expect((await ledger()).filter((row) => Number(row['lowerings']) === 1)).toHaveLength(1);
    expect(await readLowerings(test.database)).toMatchObject([{ traced: true }]);
  });

  it('is paged by its Macs', async () => {
    const all = await ledger();
    const paged: ReplyBody[] = [];
    let next = '';
    do {
      const { body } = await call('GET', `/exceptions/ledger?limit=1${next}`);
      paged.push(...itemsOf(body));
      next = body['nextCursor'] === null ? '' : `&cursor=${String(body['nextCursor'])}`;
    } while (next !== '');
    expect(all.length).toBeGreaterThan(1);
    expect(paged).toEqual(all);
    expect((await call('GET', '/exceptions/ledger?cursor=eA')).status).toBe(400);
  });

  it('is exported as CSV with the same rows, and no cell of it is a formula', async () => {
    await policy('csv', { ...EXCEPTION, purpose: '=1+1, "quoted"' }, { priority: 1 });
    const csv = String((await call('GET', '/exceptions/ledger.csv')).body);
    const [head = '', ...lines] = csv.trimEnd().split('\r\n');
    expect(head.split(',').slice(0, 3)).toEqual(['exceptionId', 'state', 'policy']);
    expect(lines).toHaveLength((await ledger()).length);
    expect(csv).toContain('development_kernel: does not hold (release)');
    const parts: string[] = [];
    for await (const part of ledgerCsv(test.database, test.clock.now(), 1)) parts.push(part);
    expect(parts.join('')).toBe(csv);
    expect(parts.length).toBeGreaterThan(lines.length);
    expect(csv).toContain('"\'=1+1, ""quoted"""');
  });
});

describe('the end of an exception', () => {
  const audited = async (action: string) => (await test.database.prisma.audit.findMany({ where: { action } })).length;

  it('is warned of 30, 7 and 1 days before, each once', async () => {
    const { body } = await policy('warned', EXCEPTION, { priority: 2 });
    const id = body['exceptionId'];
    const seen: unknown[] = [];
    for (const days of [59, 1, 23, 6]) {
      test.clock.advance(days * DAY_MS);
      await test.sweep();
      await test.sweep();
      seen.push([(await exceptionOf(id))?.['warning'], await warningsOf(String(id))]);
    }
    expect(seen).toEqual([
      [null, 0],
      [30, 1],
      [7, 2],
      [1, 3],
    ]);
    test.clock.advance(DAY_MS);
    expect(await exceptionOf(id)).toMatchObject({ state: 'expired', warning: null });

    async function warningsOf(entityId: string) {
      return test.database.prisma.audit.count({ where: { action: 'exception.warn', entityId } });
    }
  });

  it('comes with the removal of its approver', async () => {
    const now = test.clock.now();
    const order = {
      name: 'leaver',
      role: 'admin',
      createdBy: 'system:test',
      siteId: test.database.siteId,
      at: now,
    } as const;
    const secret = await test.database.transaction((tx) => createApiToken(tx, order));
    const body = {
      name: 'leaver',
      quota: 8,
      priority: 3,
      selector: { hosts: [mac] },
      apply: true,
      exception: EXCEPTION,
    };
    const headers = { authorization: `Bearer ${secret}` };
    const made = await test.call('POST', '/api/v1/policies', { role: null, headers, body });
    await test.sweep();
    expect(await exceptionOf(made.body['exceptionId'])).toMatchObject({ state: 'valid' });
    await test.database.prisma.apiToken.updateMany({ where: { name: 'leaver' }, data: { revokedAt: now } });
    const before = await audited('exception.revoke');
    await test.sweep();
    await test.sweep();
    expect(await exceptionOf(made.body['exceptionId'])).toMatchObject({
      state: 'revoked',
      revokeReason: 'The approver token:leaver was removed.',
    });
    expect(await audited('exception.revoke')).toBe(before + 1);
    expect(await test.database.prisma.visit.count({ where: { hostId: mac, state: { in: ['due', 'open'] } } })).toBe(0);
  });
});

async function grant() {
  const { grantId } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: mac } });
  return test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId ?? '' } });
}
