// Goal: from the moment in which a consent is taken back, nothing is handed out any more that rests on it.
import type { Plan } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grantsOf } from '../../apps/controller/src/rollouts/intent-flip.ts';
import { KC, kcStagedFacts, kdkReadyFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, openTestApi, type TestApi } from '../api/support.ts';
import { doors } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());
const { post, refused } = doors(() => test);

const SESSION = 7n;

/** A Mac on its way up, whose next step is to place the visit kit. */
async function onTheWay(name: string) {
  const mac = await addMac(test, { facts: kdkReadyFacts() });
  await test.database.prisma.hostReport.update({
    where: { hostId: mac },
    data: { sessionNumber: SESSION, capabilities: ['build_kc', 'place_kit', 'disarm_kit', 'set_boot_args'] },
  });
  const body = { name, quota: 255, selector: { hosts: [mac] }, apply: true, exception: EXCEPTION };
  const { exceptionId } = await post('/policies', body);
  await test.sweep();
  expect((await finishJob(test, mac, KC, kcStagedFacts())).kind).toBe('build_kc');
  return { mac, exceptionId: String(exceptionId), revoke: `/exceptions/${String(exceptionId)}/revoke` };
}

/** The same, with its kit in place and its visit due. */
async function awaitsVisit(name: string) {
  const made = await onTheWay(name);
  const { grantId } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: made.mac } });
  const { expiresAt } = await test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId ?? '' } });
  const { bytes } = await test.database.prisma.plan.findFirstOrThrow({ where: { hostId: made.mac } });
  const { steps } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan;
  const [visitId = ''] = steps.flatMap((step) => (step.kind === 'place_kit' ? [step.visitId] : []));
  const kit = { visitId, quota: 255, kcSha256: KC.sha256, complete: true };
  const placed = { visitId, kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt: expiresAt.toISOString() };
  await finishJob(test, made.mac, placed, { ...kcStagedFacts(), visitKit: kit });
  await test.sweep();
  expect(await visitOf(made.mac)).toMatchObject({ kind: 'raise', state: 'due' });
  return { ...made, grantId: grantId ?? '', expiresAt, visitId };
}

const visitOf = (hostId: string) => test.database.prisma.visit.findFirstOrThrow({ where: { hostId } });

describe('after a revocation, with no evaluation since', () => {
  it('no step under its grant is handed out, and its plan is over', async () => {
    const { mac, revoke } = await onTheWay('handed-out');
    expect(await test.jobs.workAvailable(mac, SESSION)).toBe(true);
    await post(revoke);
    expect(await test.jobs.workAvailable(mac, SESSION)).toBe(false);
    expect(await test.jobs.lease(mac, SESSION)).toBeNull();
    const actions = await test.database.prisma.audit.findMany({
      where: { action: { in: ['plan.supersede', 'job.cancel'] }, actor: 'token:admin' },
      orderBy: { action: 'asc' },
    });
    expect(actions.map(({ action }) => action)).toEqual(['job.cancel', 'plan.supersede']);
  });

  it('a step that was handed out before loses its lease', async () => {
    const { mac, revoke } = await onTheWay('at-work');
    const job = await test.jobs.lease(mac, SESSION);
    await post(revoke);
    const { jobId = '', leaseNumber = 0 } = job ?? {};
    const renewal = { hostId: mac, sessionNumber: SESSION, jobId, leaseNumber, progress: '' };
    expect(job?.kind).toBe('place_kit');
    expect(await test.jobs.renew(renewal)).toBe(false);
  });

  it('a visit that is due is withdrawn, and one that is open shows no code any more', async () => {
    const due = await awaitsVisit('due');
    await post(due.revoke);
    expect(await visitOf(due.mac)).toMatchObject({ state: 'withdrawn', code: null });
    const opened = await awaitsVisit('opened');
    expect((await post(`/visits/${opened.visitId}/open`))['code']).toEqual(expect.any(String));
    await post(opened.revoke);
    expect(await visitOf(opened.mac)).toMatchObject({ state: 'withdrawn', code: null });
    expect(await refused(`/visits/${opened.visitId}/open`)).toEqual([409, 'VISIT_NOT_OPEN']);
  });
});

describe('a visit', () => {
  it('gives no code when the grant that stands behind it was revoked, or the Mac is not to be raised, whoever overlooked it', async () => {
    const { mac, visitId, grantId } = await awaitsVisit('overlooked');
    const open = `/visits/${visitId}/open`;
    await test.database.prisma.grant.update({ where: { id: grantId }, data: { revokedAt: test.clock.now() } });
    expect(await refused(open)).toEqual([403, 'GRANT_REVOKED']);
    await test.database.prisma.intent.update({ where: { hostId: mac }, data: { quota: 2, grantId: null } });
    expect(await refused(open)).toEqual([403, 'GRANT_MISSING']);
  });

  it('that is open shows its code to nobody after the end of its grant', async () => {
    const { visitId, expiresAt } = await awaitsVisit('late');
    await post(`/visits/${visitId}/open`);
    test.clock.advance(expiresAt.getTime() - test.clock.now().getTime());
    expect(await refused(`/visits/${visitId}/open`)).toEqual([403, 'GRANT_EXPIRED']);
  });
});

describe('after the end of a grant', () => {
  it('no step of a plan under it is handed out, before anybody evaluated the Mac', async () => {
    const { mac } = await onTheWay('ended');
    const job = () => test.jobs.workAvailable(mac, SESSION);
    test.clock.advance(90 * 86_400_000 - 1);
    expect(await job()).toBe(true);
    test.clock.advance(1);
    expect(await job()).toBe(false);
  });
});

describe('a revocation while a rollout opens', () => {
  it('waits for it, never in a circle, and then finds the Macs that it set', async () => {
    const { mac, exceptionId, revoke } = await onTheWay('circle');
    const { revisionId } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: mac } });
    let revoking: Promise<unknown> | null = null;
    await test.database.transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM host_state WHERE host_id = ${mac}::uuid FOR UPDATE`;
      revoking = post(revoke);
      await waitsForLock();
      expect((await grantsOf(tx, revisionId ?? '', [mac], test.clock.now())).size).toBe(1);
    });
    await revoking;
    const { revokedAt } = await test.database.prisma.riskException.findUniqueOrThrow({ where: { id: exceptionId } });
    expect(revokedAt).not.toBeNull();
    expect(await test.database.prisma.plan.count({ where: { hostId: mac, state: 'open' } })).toBe(0);
  });

  async function waitsForLock(): Promise<void> {
    await expect
      .poll(
        async () => {
          const { rows } = await test.database.pool.query<{ count: number }>(
            `SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
          );
          return rows[0]?.count;
        },
        { timeout: 10_000 },
      )
      .toBe(1);
  }
});
