// Goal: a visit ends by evidence alone. Silence, a note or a click never end one.
import type { VisitKind } from '@headroom/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import type { PlacedKit } from '../../apps/controller/src/evaluator/host-input.ts';
import { type VisitNeed, VisitWriter } from '../../apps/controller/src/visits/visit-writer.ts';
import { addMac, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
let hostId: string;
beforeAll(async () => {
  test = await openTestApi();
});
beforeEach(async () => {
  hostId = await addMac(test);
  await consent();
});
afterAll(() => test.stop());

const RAISE = { kind: 'raise', reason: 'The kit lies on the Mac.' } as const;
const kitOf = (changes: Partial<PlacedKit> = {}): PlacedKit => ({
  visitId: '01a20846-fe0a-71a6-9de6-0420ee5867ce',
  quota: 255,
  bootArgs: 'hypervisor=0x1 hv_apple_isa_vm_quota=0xFF',
  kcSha256: 'ab'.repeat(32),
  kcMd5: 'cd'.repeat(16),
  expiresAt: '2027-02-21T12:00:00.000Z',
  ...changes,
});
/** What is wanted of the Mac stands under a grant. */
async function consent(): Promise<void> {
  const { siteId, prisma } = test.database;
  const [id, exceptionId] = [uuidv7(0), uuidv7(0)];
  const grant = { id, siteId, exceptionId, payload: '{}', signature: '', keyId: '', createdAt: test.clock.now() };
  await prisma.grant.create({ data: { ...grant, expiresAt: new Date(kitOf().expiresAt) } });
  await prisma.intent.update({ where: { hostId }, data: { grantId: id } });
}
const visits = () => test.database.prisma.visit.findMany({ where: { hostId }, orderBy: { createdAt: 'asc' } });

async function reconcile(changes: Partial<VisitNeed>): Promise<void> {
  const [row] = (await visits()).filter(({ state }) => state === 'due' || state === 'open');
  const open = row === undefined ? null : { ...row, kind: row.kind as VisitKind };
  const need: VisitNeed = {
    hostId,
    open,
    wanted: RAISE,
    kit: kitOf({ visitId: hostId }),
    obsolete: false,
    state: 'ready_for_visit',
    presence: 'online',
    evidence: [],
    fileVault: null,
    ...changes,
  };
  const writer = new VisitWriter(test.database);
  await test.database.transaction((tx) => writer.reconcile(tx, need, test.clock.now()));
}

const open = async () => {
  const [visit] = await visits();
  return test.call('POST', `/api/v1/visits/${visit?.id}/open`);
};

describe('a visit', () => {
  it('is made once, with what its kit holds', async () => {
    await reconcile({});
    await reconcile({});
    expect(await visits()).toMatchObject([{ state: 'due', quota: 255, kcMd5: 'cd'.repeat(16), code: null }]);
  });

  it.each(['in_visit', 'asleep', 'silent', 'lost'] as const)('stays while its Mac is %s', async (presence) => {
    await reconcile({});
    await open();
    await reconcile({ wanted: null, presence });
    expect(await visits()).toMatchObject([{ state: 'open', closedAt: null }]);
  });

  it('is closed, with what was seen, once a Mac that is heard needs it no more', async () => {
    await reconcile({});
    await open();
    await reconcile({ wanted: null, state: 'args_missing' });
    expect(await visits()).toMatchObject([{ state: 'closed', evidence: { state: 'args_missing' }, code: null }]);
  });

  it.each([
    ['ready_for_visit', [], 'withdrawn'],
    ['kc_staged', [], 'withdrawn'],
    ['half_done', [{ id: 'boot_after_visit', holds: false }], 'withdrawn'],
    ['half_done', [{ id: 'boot_after_visit', holds: true }], 'closed'],
  ] as const)('that was opened and is not wanted any more at %s (%j) ends as %s', async (state, evidence, ended) => {
    await reconcile({});
    await open();
    await reconcile({ wanted: null, state, evidence: evidence as unknown as VisitNeed['evidence'] });
    expect(await visits()).toMatchObject([{ state: ended }]);
    const event = { hostId, kind: `visit.${ended}` };
    expect(await test.database.prisma.hostEvent.count({ where: event })).toBe(1);
  });

  it.each([
    ['raised', null, 'withdrawn'],
    ['half_done', 'restart', 'closed'],
    ['not_started', null, 'closed'],
  ] as const)('to take a Mac back that was opened ends at %s, next %s, as %s', async (state, next, ended) => {
    await reconcile({ wanted: { kind: 'revert', reason: 'Stock is wanted.' }, kit: null, state: 'raised' });
    await open();
    await reconcile({
      wanted: next === null ? null : { kind: next, reason: 'The policy is stock.' },
      kit: null,
      state,
    });
    expect((await visits())[0]).toMatchObject({ kind: 'revert', state: ended });
  });

  it('is withdrawn when nobody opened it, or its reason is gone, however silent the Mac', async () => {
    await reconcile({});
    await reconcile({ wanted: null });
    expect(await visits()).toMatchObject([{ state: 'withdrawn' }]);
    test.clock.advance(1000);
    await reconcile({});
    await reconcile({ wanted: null, presence: 'silent', obsolete: true });
    expect(await visits()).toMatchObject([{ state: 'withdrawn' }, { state: 'withdrawn' }]);
  });

  it('to take a Mac back gives its line without a code, and ends as closed once stock is proven', async () => {
    await reconcile({ wanted: { kind: 'revert', reason: 'Stock is wanted.' }, kit: null, state: 'raised' });
    const { body } = await open();
    expect(body).toMatchObject({ kind: 'revert', code: null, line: 'sh /Volumes/*/Library/Headroom/revert' });
    expect(body['instruction']).toMatch(/csrutil enable/);
    await reconcile({ wanted: null, state: 'reverted' });
    expect(await visits()).toMatchObject([{ kind: 'revert', state: 'closed', quota: null }]);
  });

  it('makes room for the next kind', async () => {
    await reconcile({});
    await open();
    test.clock.advance(1000);
    await reconcile({ wanted: { kind: 'restart', reason: 'The arguments are stored.' }, state: 'reboot_due' });
    expect(await visits()).toMatchObject([
      { kind: 'raise', state: 'closed' },
      { kind: 'restart', state: 'due', quota: null },
    ]);
  });

  it('loses its code when the kit was placed anew', async () => {
    await reconcile({});
    const before = (await open()).body['code'];
    await reconcile({ kit: kitOf({ visitId: hostId, kcMd5: 'ef'.repeat(16) }) });
    expect(await visits()).toMatchObject([{ state: 'due', code: null, openedAt: null, kcMd5: 'ef'.repeat(16) }]);
    expect((await open()).body['code']).not.toBe(before);
  });

  it('cannot be opened before its kit lies on the Mac, nor after its consent ended', async () => {
    await reconcile({ kit: null });
    expect((await open()).body).toMatchObject({ code: 'VISIT_NOT_OPEN', status: 409 });
    await reconcile({ kit: kitOf({ expiresAt: test.clock.now().toISOString() }) });
    expect((await open()).body).toMatchObject({ code: 'GRANT_EXPIRED' });
  });
});
