// Goal: an exception that ends leads to its stated end without anybody's help, visibly, and never by a silent flip.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnrolRequest } from '../../apps/controller/src/enrol/enrol-request.ts';
import { writeHost } from '../../apps/controller/src/enrol/host-rows.ts';
import { ExceptionEnds } from '../../apps/controller/src/rollouts/exception-ends.ts';
import { KIT, raisedFacts } from '../../packages/core/testing/sample-host.ts';
import {
  addRaisedMac,
  EXCEPTION,
  finishJob,
  itemsOf,
  openTestApi,
  type ReplyBody,
  report,
  type TestApi,
} from '../api/support.ts';

const DAY_MS = 86_400_000;
const KIT_FACT = { visitId: KIT.visitId, quota: KIT.quota, kcSha256: KIT.kcSha256, complete: true, armed: true };
const ARMED = { ...raisedFacts(), visitKit: KIT_FACT };
const DISARMED = { ...raisedFacts(), visitKit: { ...KIT_FACT, kcSha256: '', complete: false, armed: false } };

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const post = async (path: string, body: object = {}, role: 'admin' | 'approver' = 'admin') => {
  const reply = await test.call('POST', `/api/v1${path}`, { body, role });
  expect([reply.status, reply.body['detail']]).toEqual([reply.status < 300 ? reply.status : 0, undefined]);
  return reply.body;
};
const host = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;
const codes = (view: ReplyBody) =>
  (view['findings'] as unknown as readonly ReplyBody[]).map(({ code }) => String(code));
const endings = async (exceptionId: unknown) =>
  itemsOf((await test.call('GET', '/api/v1/rollouts')).body).filter(
    (rollout) => String(rollout['exceptionId']) === String(exceptionId),
  );
const pass = async (ms: number, ...macs: string[]) => {
  test.clock.advance(ms);
  for (const mac of macs) await report(test, mac, ARMED);
  await test.sweep();
  await test.sweep();
};

async function raised(label: string, count: number, exception: object = EXCEPTION) {
  const macs: string[] = [];
  for (let index = 0; index < count; index += 1) macs.push(await addRaisedMac(test, [label]));
  const body = { name: label, quota: 255, selector: { labels: [label] }, exception, apply: true };
  const made = await post('/policies', body);
  for (const mac of macs) await report(test, mac, ARMED);
  await test.sweep();
  for (const mac of macs) expect(await host(mac)).toMatchObject({ state: 'raised' });
  return { macs, policyId: String(made['policyId']), exceptionId: String(made['exceptionId']) };
}

describe('at the end of an exception, by the clock alone', () => {
  it('raise goes, a named rollout of its own takes the Mac back, and it is shown until evidence says otherwise', async () => {
    const { macs, exceptionId } = await raised('ends', 1);
    const [mac = ''] = macs;
    await pass(89 * DAY_MS, mac);
    expect(await endings(exceptionId)).toEqual([]);
    expect(codes(await host(mac))).toContain('GRANT_EXPIRES_SOON');
    await pass(DAY_MS, mac);
    const [rollout] = await endings(exceptionId);
    expect(rollout).toMatchObject({
      title: expect.stringMatching(/^The exception "UI tests in parallel" ended at .*: back to stock\.$/),
      createdBy: 'system:exceptions',
      quota: 2,
      targets: { opened: 1 },
    });
    const ended = await host(mac);
    expect(ended).toMatchObject({
      state: 'raised',
      intent: { quota: 2 },
      waitsFor: expect.stringMatching(/^Expired, still raised\. The agent: take raise off the Mac, clear the boot arg/),
      plan: { steps: [{ kind: 'disarm_kit' }, { kind: 'clear_boot_args' }] },
    });
    expect(codes(ended)).toContain('CONSENT_ENDED_STILL_RAISED');
    expect((await finishJob(test, mac, { path: '/Library/Headroom' }, DISARMED)).kind).toBe('disarm_kit');
    const cleared = { ...DISARMED, bootArgs: { ...DISARMED.bootArgs, storedPresent: false, stored: null } };
    await finishJob(test, mac, { stored: null }, cleared);
    await test.sweep();
    expect(await host(mac)).toMatchObject({
      waitsFor: expect.stringMatching(/^Expired, still raised\. A person: revert visit/),
      visit: { kind: 'revert', state: 'due' },
    });
    expect(await test.database.prisma.audit.count({ where: { action: 'exception.end', entityId: exceptionId } })).toBe(
      1,
    );
    await pass(DAY_MS);
    expect(await endings(exceptionId)).toHaveLength(1);
  });

  it('a renewal in time stops it', async () => {
    const { macs, policyId, exceptionId } = await raised('renewed', 1);
    const [mac = ''] = macs;
    await pass(80 * DAY_MS, mac);
    await post(`/policies/${policyId}/apply`, { exception: EXCEPTION });
    await pass(11 * DAY_MS, mac);
    expect(await endings(exceptionId)).toEqual([]);
    expect(await host(mac)).toMatchObject({ state: 'raised', intent: { quota: 255 }, waitsFor: null });
  });

  it('a Mac that another exception covers stays raised, under that one', async () => {
    const { macs, policyId, exceptionId } = await raised('covered', 1);
    const [mac = ''] = macs;
    await pass(80 * DAY_MS, mac);
    const four = { ...EXCEPTION, approvals: 'four-eyes' };
    const asked = await post(`/policies/${policyId}/apply`, { exception: four });
    const path = `/exceptions/${String(asked['exceptionId'])}`;
    const { digest: hostsDigest } = (await test.call('GET', `/api/v1${path}/hosts`)).body;
    await post(`${path}/approve`, { hostsDigest, confirmHighQuota: true }, 'approver');
    const { grantId } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: mac } });
    await pass(11 * DAY_MS, mac);
    const [rollout] = await endings(exceptionId);
    expect(rollout).toMatchObject({ title: expect.stringMatching(/another one covers these Macs/), quota: 255 });
    const intent = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: mac } });
    expect(intent.quota).toBe(255);
    expect(intent.grantId).not.toBe(grantId);
    expect(await host(mac)).toMatchObject({ state: 'raised', waitsFor: null });
  });

  it('takes many Macs in two parts, waits for nobody, and can be halted in between', async () => {
    const { macs, exceptionId } = await raised('many', 12);
    await pass(91 * DAY_MS, ...macs);
    const wanted = async () =>
      (await test.database.prisma.intent.findMany({ where: { hostId: { in: macs } } })).filter(
        ({ quota }) => quota > 2,
      );
    const [rollout] = await endings(exceptionId);
    expect(rollout).toMatchObject({ state: 'running' });
    expect(await wanted()).toHaveLength(10);
    await post(`/rollouts/${String(rollout?.['id'])}/halt`);
    await pass(2 * 3_600_000);
    expect(await wanted()).toHaveLength(10);
    await post(`/rollouts/${String(rollout?.['id'])}/resume`);
    await pass(1000);
    expect(await wanted()).toHaveLength(0);
  }, 30_000);
});

describe('while the clock has just jumped', () => {
  it('nothing ends by the time that it shows now, and what a person takes back does', async () => {
    const { macs, exceptionId } = await raised('jumped', 1);
    const [mac = ''] = macs;
    const ends = new ExceptionEnds(test.database, test.api.rollouts);
    const ahead = new Date(test.clock.now().getTime() + 365 * DAY_MS);
    await ends.sweepOnce(ahead, false);
    expect(await endings(exceptionId)).toEqual([]);
    await test.database.prisma.riskException.update({
      where: { id: exceptionId },
      data: { revokedAt: test.clock.now() },
    });
    await ends.sweepOnce(test.clock.now(), false);
    expect(await endings(exceptionId)).toHaveLength(1);
    expect(await host(mac)).toMatchObject({ state: 'raised' });
  });
});

describe('before its time', () => {
  it('a revoked exception, and one whose approver was removed, end the same', async () => {
    const { macs, exceptionId } = await raised('revoked', 1);
    await post(`/exceptions/${exceptionId}/revoke`);
    await pass(1000, ...macs);
    expect(await endings(exceptionId)).toMatchObject([{ title: expect.stringMatching(/was taken back at/), quota: 2 }]);
    expect(await host(macs[0] ?? '')).toMatchObject({
      waitsFor: expect.stringMatching(/^Consent gone, still raised\./),
    });
    const gone = await raised('approver-gone', 1);
    await test.database.prisma.riskException.update({
      where: { id: gone.exceptionId },
      data: { approver: 'token:approver' },
    });
    const now = test.clock.now();
    await test.database.prisma.apiToken.updateMany({ where: { name: 'approver' }, data: { revokedAt: now } });
    await pass(1000, ...gone.macs);
    expect(await endings(gone.exceptionId)).toMatchObject([{ quota: 2, targets: { opened: 1 } }]);
  });
});

async function comeBack(mac: string): Promise<void> {
  const { hardwareUuid } = await test.database.prisma.host.findUniqueOrThrow({ where: { id: mac } });
  const { siteId } = test.database;
  const request = { hostUuid: hardwareUuid, name: null, serial: null, model: null, simulated: true };
  const again = {
    siteId,
    request: request as EnrolRequest,
    labels: [],
    actor: 'enrol_token:test',
    now: test.clock.now(),
  };
  await test.database.transaction((tx) => writeHost(tx, again));
  await report(test, mac, ARMED);
  await test.sweep();
  await test.sweep();
}

describe('a Mac that was forgotten, and comes back after its exception has ended', () => {
  it('is led back to stock as all others were', async () => {
    const { macs, exceptionId } = await raised('returns', 1);
    const [mac = ''] = macs;
    await post(`/hosts/${mac}/forget`, { reason: 'thought to be stolen' });
    await post(`/exceptions/${exceptionId}/revoke`);
    await test.sweep();
    expect(await endings(exceptionId)).toEqual([]);
    await comeBack(mac);
    expect(await endings(exceptionId)).toMatchObject([{ title: expect.stringContaining('back to stock') }]);
    expect(await host(mac)).toMatchObject({ intent: { quota: 2 } });
  });

  it('is led back too where it waited for its turn in that end when it was forgotten', async () => {
    const { macs, exceptionId } = await raised('returns-from-the-end', 1);
    const [mac = ''] = macs;
    await post(`/exceptions/${exceptionId}/revoke`);
    await new ExceptionEnds(test.database, test.api.rollouts).sweepOnce(test.clock.now());
    await post(`/hosts/${mac}/forget`, { reason: 'thought to be stolen' });
    await test.sweep();
    expect(await endings(exceptionId)).toMatchObject([{ targets: { skipped: 1 } }]);
    await comeBack(mac);
    expect(await endings(exceptionId)).toHaveLength(2);
    expect(await host(mac)).toMatchObject({ intent: { quota: 2 } });
  });
});
