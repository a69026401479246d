// Goal: from the moment in which a grant key is retired nothing rests on what it signed; who approves signs again, for the same Macs, or it ends.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyStore } from '../../apps/controller/src/keys/key-store.ts';
import { KC, kcStagedFacts, kdkReadyFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, itemsOf, openTestApi, type TestApi } from '../api/support.ts';
import { doors } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());
const { post, refused, quotaOf } = doors(() => test);

const SESSION = 7n;
const DAY_MS = 86_400_000;

/** A Mac whose next step, to place the visit kit, rests on its grant. */
async function onTheWay(name: string, exception: object = {}) {
  const mac = await addMac(test, { facts: kdkReadyFacts() });
  const capabilities = ['build_kc', 'place_kit', 'disarm_kit', 'set_boot_args'];
  await test.database.prisma.hostReport.update({
    where: { hostId: mac },
    data: { sessionNumber: SESSION, capabilities },
  });
  const body = { name, quota: 255, selector: { hosts: [mac] }, apply: true };
  const { exceptionId } = await post('/policies', { ...body, exception: { ...EXCEPTION, ...exception } });
  await test.sweep();
  await finishJob(test, mac, KC, kcStagedFacts());
  expect(await test.jobs.workAvailable(mac, SESSION)).toBe(true);
  return { mac, id: String(exceptionId) };
}

/** As an admin does after a theft: a new key, which then retires the one before. Gives the new one's id. */
async function replaceKey(): Promise<string> {
  const place = { stateDir: test.stateDir, keysDir: null };
  const stolen = test.keys.grantKey.keyId;
  const { keyId } = await KeyStore.rotateGrantKey(place);
  await KeyStore.retireGrantKey(place, stolen, test.clock.now());
  await test.keys.refresh();
  await test.sweep();
  return keyId;
}

const exceptionOf = async (id: string) => {
  const filter = encodeURIComponent('state=in=(valid,needs_signature,revoked)');
  const listed = itemsOf((await test.call('GET', `/api/v1/exceptions?limit=200&filter=${filter}`)).body);
  return listed.find((one) => String(one['id']) === id);
};
const digestOf = async (id: string) => (await test.call('GET', `/api/v1/exceptions/${id}/hosts`)).body['digest'];
const signAgain = async (id: string, more: object = {}) => ({
  hostsDigest: await digestOf(id),
  confirmHighQuota: true,
  ...more,
});
const findings = async (mac: string) =>
  JSON.stringify((await test.call('GET', `/api/v1/hosts/${mac}`)).body['findings']);
/** Of an exception, page by page. */
async function grantsInLedger(exceptionId: string, limit: number): Promise<readonly string[]> {
  const grants: string[] = [];
  let cursor = '';
  do {
    const { body } = await test.call('GET', `/api/v1/exceptions/ledger?limit=${limit}${cursor}`);
    const rows = itemsOf(body).filter((row) => String(row['exceptionId']) === exceptionId);
    grants.push(...rows.map((row) => String(row['grantId'])));
    cursor = body['nextCursor'] === null ? '' : `&cursor=${String(body['nextCursor'])}`;
  } while (cursor !== '');
  expect(grants).toHaveLength(2);
  return grants;
}
const openGrant = async (mac: string) => {
  const { bytes } = await test.database.prisma.plan.findFirstOrThrow({ where: { hostId: mac, state: 'open' } });
  return (JSON.parse(Buffer.from(bytes).toString('utf8')) as { grant: { keyId: string } | null }).grant;
};

describe('what a retired key signed', () => {
  it('covers nothing any more, says so, and is signed again for the same Macs by the present key', async () => {
    const { mac, id } = await onTheWay('signed-again');
    const before = await digestOf(id);
    const keyId = await replaceKey();
    expect(before).toBeUndefined();
    expect(await test.jobs.workAvailable(mac, SESSION)).toBe(false);
    expect(await exceptionOf(id)).toMatchObject({ state: 'needs_signature' });
    expect(await findings(mac)).toMatch(
      /GRANT_KEY_RETIRED: expected a signature by a grant key that is still believed/,
    );
    expect(itemsOf((await test.call('GET', '/api/v1/exceptions/ledger?limit=200')).body)).toContainEqual(
      expect.objectContaining({ exceptionId: id, state: 'needs_signature' }),
    );
    expect(JSON.stringify((await test.call('GET', `/api/v1/hosts/${mac}/explain`)).body['wouldChange'])).toMatch(
      /being signed again: the key that signed it was retired/,
    );
    const policies = itemsOf((await test.call('GET', '/api/v1/policies')).body);
    const policy = policies.find(({ name }) => String(name) === 'signed-again');
    expect(await refused(`/policies/${String(policy?.['id'])}/apply`)).toEqual([422, 'EXCEPTION_REQUIRED']);
    // A Mac that joins the policy's selection later is not covered by a new signature either.
    const hosts = itemsOf((await test.call('GET', `/api/v1/exceptions/${id}/hosts`)).body);
    expect(hosts.map((host) => String(host['id']))).toEqual([mac]);
    expect(await refused(`/exceptions/${id}/sign-again`, await signAgain(id, { hostsDigest: '1-x' }))).toEqual([
      409,
      'EXCEPTION_HOSTS_CHANGED',
    ]);
    expect(await refused(`/exceptions/${id}/sign-again`, await signAgain(id, { confirmHighQuota: false }))).toEqual([
      422,
      expect.any(String),
    ]);
    expect(await post(`/exceptions/${id}/sign-again`, await signAgain(id))).toEqual({ id, state: 'valid' });
    await test.sweep();
    expect(await exceptionOf(id)).toMatchObject({ state: 'valid', approver: 'token:admin' });
    expect(await openGrant(mac)).toMatchObject({ keyId });
    expect(await test.jobs.workAvailable(mac, SESSION)).toBe(true);
    expect(await grantsInLedger(id, 1), 'a page that ends between the grants of one Mac').toEqual(
      await grantsInLedger(id, 200),
    );
    expect(await refused(`/exceptions/${id}/sign-again`, { hostsDigest: '1-x', confirmHighQuota: true })).toEqual([
      409,
      'CONFLICT',
    ]);
    const actions = await test.database.prisma.audit.findMany({ where: { entityId: id }, orderBy: { id: 'asc' } });
    expect(actions.map(({ action }) => action)).toEqual([
      'exception.approve',
      'exception.distrust',
      'exception.sign_again',
    ]);
  });

  it('ends as if it were revoked when nobody signs it again in time', async () => {
    const { mac, id } = await onTheWay('unsigned');
    await replaceKey();
    test.clock.advance(14 * DAY_MS - 1);
    await test.sweep();
    expect([await quotaOf(mac), (await exceptionOf(id))?.['state']]).toEqual([255, 'needs_signature']);
    test.clock.advance(1);
    await test.sweep();
    expect(await exceptionOf(id)).toMatchObject({
      state: 'revoked',
      revokeReason: expect.stringContaining('nobody signed it again within 14 days'),
    });
    expect(await quotaOf(mac)).toBe(2);
  });

  it('is signed again under four eyes by somebody else than who asked for it', async () => {
    const mac = await addMac(test, { facts: kdkReadyFacts() });
    const body = { name: 'four', quota: 8, selector: { hosts: [mac] }, apply: true };
    const { exceptionId } = await post('/policies', { ...body, exception: { ...EXCEPTION, approvals: 'four-eyes' } });
    const id = String(exceptionId);
    const approval = { hostsDigest: await digestOf(id), confirmHighQuota: false };
    const approver = (path: string) => test.call('POST', `/api/v1${path}`, { role: 'approver', body: approval });
    expect((await approver(`/exceptions/${id}/approve`)).status).toBe(200);
    // As if one token had made those of the first approval: that says nothing of the second.
    await test.database.prisma.riskException.update({ where: { id }, data: { commonMaker: 'token:both' } });
    await replaceKey();
    expect(await refused(`/exceptions/${id}/sign-again`, approval)).toEqual([403, 'APPROVER_IS_REQUESTER']);
    expect((await approver(`/exceptions/${id}/sign-again`)).status).toBe(200);
    expect(await exceptionOf(id)).toMatchObject({ state: 'valid', approver: 'token:approver', commonMaker: null });
  });
});

describe('Macs that have not heard of the retirement', () => {
  it('are counted and listed, whatever their agents said, until they say that they know', async () => {
    const [knows, doubts, silent] = [await addMac(test), await addMac(test), await addMac(test)];
    const old = test.keys.grantKey.keyId;
    const keyId = await replaceKey();
    const said = (hostId: string, data: object) => test.database.prisma.hostReport.update({ where: { hostId }, data });
    await said(knows, { grantKeyId: keyId, retiredGrantKeyIds: [old] });
    await said(doubts, { grantKeyId: old, retiredGrantKeyIds: [] });
    const items = itemsOf((await test.call('GET', '/api/v1/grant-keys', { role: 'reader' })).body);
    expect(items[0]).toMatchObject({ keyId, state: 'present', newestOn: 1, retirement: null });
    expect(items.find((one) => String(one['keyId']) === old)).toMatchObject({
      state: 'retired',
      newestOn: 1,
      retirement: { heard: 1, notHeard: 1, unsaid: expect.any(Number) },
    });
    const { body } = await test.call('GET', `/api/v1/grant-keys/${old}/unheard?limit=200`);
    const listed = itemsOf(body).map(({ id, newestKeyId }) => [String(id), newestKeyId as unknown]);
    expect(listed).toContainEqual([doubts, old]);
    expect(listed).toContainEqual([silent, null]);
    expect(listed.map(([id]) => id)).not.toContain(knows);
    expect((await test.call('GET', `/api/v1/grant-keys/${keyId}/unheard`)).status).toBe(404);
  });
});
