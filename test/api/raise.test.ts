// Goal: from an applied policy to proven evidence through HTTP and the sweep alone; every wake-up is lost on purpose.
import { createHash } from 'node:crypto';
import { type Facts, type PlanStep, visitCode } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  COIH,
  KC,
  kcStagedFacts,
  kdkReadyFacts,
  raisedFacts,
  stockFacts,
} from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, hear, itemsOf, openTestApi, report, type TestApi } from './support.ts';

let test: TestApi;
let mac: string;
beforeAll(async () => {
  test = await openTestApi();
  mac = await addMac(test, { labels: ['lab'], facts: stockFacts() });
});
afterAll(() => test.stop());

const host = async () => (await test.call('GET', `/api/v1/hosts/${mac}`)).body;
const rollout = async () => itemsOf((await test.call('GET', '/api/v1/rollouts')).body)[0];
const visitId = async () => String((await host())['visit']?.['id']);
const kitFacts = (step: PlanStep | undefined): Facts['visitKit'] =>
  step?.kind === 'place_kit' ? { visitId: step.visitId, quota: step.quota, kcSha256: KC.sha256, complete: true } : null;
let kit: Facts['visitKit'] = null;
let bootArgs = '';
let expiresAt = '';

describe('a Mac is raised', () => {
  it('waits for its KDK while the catalogue has none', async () => {
    await test.sweep();
    expect(await host()).toMatchObject({ presence: 'online', plan: null, visit: null });
    const body = { name: 'lab', quota: 255, selector: { labels: ['lab'] }, exception: EXCEPTION, apply: true };
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
    await test.sweep();
    const view = await host();
    expect(view).toMatchObject({ state: 'kdk_missing', intent: { number: 2, quota: 255 }, plan: null });
    expect(view['findings']?.['0']).toMatchObject({
      code: 'KDK_NOT_IN_CATALOGUE',
      severity: 'blocker',
      since: test.clock.now().toISOString(),
      evidence: { path: 'os.baseBuild', value: '23F79' },
    });
    const { blockedBy, byState } = (await test.call('GET', '/api/v1/readiness')).body;
    expect(byState).toEqual({ kdk_missing: 1 });
    expect(blockedBy).toMatchObject([{ code: 'KDK_NOT_IN_CATALOGUE', hosts: 1, samples: [{ id: mac }] }]);
  });

  it('gets a plan as soon as the KDK is there, with the grant in it, once', async () => {
    const bytes = Buffer.from('a kernel debug kit, for all the controller knows');
    const sum = createHash('sha256').update(bytes).digest('hex');
    const added = await test.call('PUT', '/api/v1/kdks?fileName=Kernel_Debug_Kit_14.5_build_23F79.dmg', {
      role: 'tool',
      body: bytes,
      headers: { 'x-checksum-sha256': sum },
    });
    expect([added.status, added.body['build']]).toEqual([200, '23F79']);
    await test.sweep();
    await test.database.prisma.hostState.update({ where: { hostId: mac }, data: { dueAt: test.clock.now() } });
    await Promise.all([test.sweep(), test.sweep()]);
    const { plan } = await host();
    expect(plan).toMatchObject({
      generation: 1,
      intentNumber: 2,
      state: 'open',
      steps: [
        { kind: 'install_kdk', job: { state: 'queued' }, step: { kdk: { sha256: sum } } },
        { kind: 'build_kc', job: null },
        { kind: 'place_kit', job: null },
      ],
    });
    expect(await test.database.prisma.plan.count()).toBe(1);
    expect(await test.database.prisma.job.count()).toBe(1);
    const stored = await test.database.prisma.plan.findFirstOrThrow();
    const sent = JSON.parse(Buffer.from(stored.bytes).toString('utf8'));
    expect(sent.grant.payload).toContain('"quotaMax":255');
    expect(await rollout()).toMatchObject({ state: 'running', targets: { opened: 1 } });
  });

  it('asks for a visit once the kit lies there, and the code fits exactly this kit', async () => {
    await finishJob(test, mac, {}, kdkReadyFacts());
    await test.sweep();
    await finishJob(test, mac, KC, kcStagedFacts());
    await test.sweep();
    expect((await host())['visit']).toBeNull();
    const plan = await test.database.prisma.plan.findFirstOrThrow();
    const { steps, grant } = JSON.parse(Buffer.from(plan.bytes).toString('utf8'));
    const [, , step] = steps as PlanStep[];
    expiresAt = JSON.parse(grant.payload).expiresAt;
    kit = kitFacts(step);
    bootArgs = step?.kind === 'place_kit' ? step.bootArgs : '';
    const result = { visitId: kit?.visitId, path: '/Library/Headroom', kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt };
    await finishJob(test, mac, result, { ...kcStagedFacts(), visitKit: kit });
    await test.sweep();
    expect(await host()).toMatchObject({
      state: 'ready_for_visit',
      plan: { state: 'done' },
      visit: { id: kit?.visitId, kind: 'raise', state: 'due', quota: 255 },
    });
    const due = await test.call('GET', '/api/v1/visits?state=due', { role: 'technician' });
    expect(itemsOf(due.body)).toHaveLength(1);
    expect(JSON.stringify(due.body)).not.toContain('raise ');

    const opened = await test.call('POST', `/api/v1/visits/${kit?.visitId}/open`, { role: 'technician' });
    const code = String(opened.body['code']);
    expect(opened.body['line']).toBe(`sh /Volumes/*/Library/Headroom/raise ${code}`);
    const { hardwareUuid: hostUuid } = await test.database.prisma.host.findUniqueOrThrow({ where: { id: mac } });
    const input = { random: code.slice(0, 5), kcMd5: KC.md5, hostUuid, quota: 255, bootArgs, expiresAt };
    expect(code).toBe(visitCode(input, (text) => createHash('md5').update(text).digest('hex')));
    const again = await test.call('POST', `/api/v1/visits/${kit?.visitId}/open`, { role: 'technician' });
    expect(again.body['code']).toBe(code);
    const audit = await test.call('GET', `/api/v1/audit?entity=visit&entityId=${kit?.visitId}`);
    expect(itemsOf(audit.body).map(({ action }) => action)).toContain('visit.open');
    expect(JSON.stringify(audit.body)).not.toContain(code);
  });

  it('is explained by the visit while it is silent; a note changes nothing', async () => {
    const id = await visitId();
    const note = { role: 'technician' as const, body: { text: 'done' } };
    expect((await test.call('POST', `/api/v1/visits/${id}/note`, note)).status).toBe(201);
    test.clock.advance(5 * 60_000);
    await test.sweep();
    expect(await host()).toMatchObject({ presence: 'in_visit', visit: { id, state: 'open' } });
    test.clock.advance(5 * 60_000);
    await hear(test, mac);
    await test.sweep();
    expect(await host()).toMatchObject({ presence: 'online', state: 'ready_for_visit', visit: { id, state: 'open' } });
  });

  it('stores the arguments and asks for one restart after the first boot of our kernel', async () => {
    test.clock.advance(60_000);
    const facts: Facts = {
      ...raisedFacts(),
      visitKit: kit,
      bootArgs: { inForce: '', storedPresent: false, stored: null },
    };
    await report(test, mac, facts, true);
    await test.sweep();
    expect(await host()).toMatchObject({
      state: 'args_missing',
      plan: { generation: 2, state: 'open', steps: [{ kind: 'set_boot_args' }] },
      visit: { kind: 'raise', state: 'closed', evidence: { state: 'args_missing' } },
    });
    await finishJob(test, mac, {}, { ...facts, bootArgs: { inForce: '', storedPresent: true, stored: bootArgs } });
    await test.sweep();
    expect(await host()).toMatchObject({ state: 'reboot_due', visit: { kind: 'restart', state: 'due' } });
    const opened = await test.call('POST', `/api/v1/visits/${await visitId()}/open`);
    expect(opened.body).toMatchObject({ kind: 'restart', code: null, line: null });
    expect(String(opened.body['instruction'])).toContain('Restart the Mac');
  });

  it('is raised when every piece of evidence holds, and that ends visit and rollout', async () => {
    test.clock.advance(60_000);
    await report(
      test,
      mac,
      { ...raisedFacts(), visitKit: kit, bootArgs: { inForce: bootArgs, storedPresent: true, stored: bootArgs } },
      true,
    );
    await test.sweep();
    const view = await host();
    expect(view).toMatchObject({ state: 'raised', waitsFor: null, visit: { kind: 'restart', state: 'closed' } });
    const pieces = view['evidence'] as unknown as readonly { holds: boolean }[];
    expect(pieces.map(({ holds }) => holds)).toEqual(Array(8).fill(true));
    expect(await rollout()).toMatchObject({
      state: 'finished',
      targets: { succeeded: 1 },
      finishedAt: test.clock.now().toISOString(),
    });
    const kinds = (view['timeline'] as unknown as readonly { kind: string }[]).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'visit.closed')).toHaveLength(2);
    expect(await test.database.prisma.job.count({ where: { state: { in: ['queued', 'leased'] } } })).toBe(0);
  });

  it.each<[string, (facts: Facts) => Facts, string]>([
    [
      'the stock kernel',
      (facts) => ({ ...facts, kernel: { ...facts.kernel, config: 'release', filesetUuid: null } }),
      'raised',
    ],
    [
      'another fileset',
      (facts) => ({ ...facts, kernel: { ...facts.kernel, filesetUuid: COIH.slice(0, 36) } }),
      'raised',
    ],
    [
      'an unreadable fileset',
      (facts) => ({
        ...facts,
        kernel: { ...facts.kernel, filesetUuid: null },
        unknown: { 'kernel.filesetUuid': 'sysctl failed' },
      }),
      'raised',
    ],
  ])('is not raised with %s', async (_what, change, raised) => {
    const stored = { inForce: bootArgs, storedPresent: true, stored: bootArgs };
    await report(test, mac, change({ ...raisedFacts(), visitKit: kit, bootArgs: stored }));
    await test.sweep();
    expect((await host())['state']).not.toBe(raised);
    await report(test, mac, { ...raisedFacts(), visitKit: kit, bootArgs: stored });
    await test.sweep();
    expect((await host())['state']).toBe(raised);
  });

  it('gives its grant back: no raise visit any more, stock is wanted, and the timeline says why', async () => {
    test.clock.advance(60_000);
    await report(test, mac, { ...kcStagedFacts(), visitKit: kit });
    await test.sweep();
    const id = await visitId();
    expect(await host()).toMatchObject({ state: 'drifted', visit: { kind: 'raise', state: 'due' } });
    await report(test, mac, { ...kcStagedFacts(), visitKit: kit });
    await test.sweep();
    expect(await visitId()).toBe(id);
    const [exception] = itemsOf((await test.call('GET', '/api/v1/exceptions')).body);
    await test.call('POST', `/api/v1/exceptions/${String(exception?.['id'])}/revoke`);
    await test.sweep();
    const view = await host();
    expect(view).toMatchObject({ visit: { kind: 'raise', state: 'withdrawn' }, intent: { quota: 2 } });
    expect(JSON.stringify(view['timeline'])).toMatch(/exception\.ended.*exception\.revoked/);
    const refused = await test.call('POST', `/api/v1/visits/${await visitId()}/open`);
    expect([refused.status, refused.body['code']]).toEqual([409, 'VISIT_NOT_OPEN']);
  });
});
