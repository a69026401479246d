/** What the agent of a Mac cannot do is a finding before anything is begun, its age where it matters, and a suspected clone with both hints. */
import { ABILITIES, type Facts, KIT_WITH_NEEDED_ARGS, type PlanStep } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import {
  KC,
  KDK,
  kcStagedFacts,
  kdkReadyFacts,
  kitPlacedFacts,
  stockFacts,
} from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, openTestApi, type ReplyBody, report, type TestApi } from './support.ts';

let test: TestApi;
let mac: string;
beforeAll(async () => {
  test = await openTestApi();
  const { siteId, prisma } = test.database;
  const added = { addedBy: 'system:test', addedAt: test.clock.now() };
  await prisma.kdk.create({ data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, ...added } });
  mac = await addMac(test, { labels: ['lab'], facts: stockFacts() });
});
afterAll(() => test.stop());

/** As a new session of the agent leaves it. */
async function hello(change: { capabilities?: string[]; cloneHint?: object }, hostId = mac): Promise<void> {
  const { prisma } = test.database;
  await prisma.hostReport.update({ where: { hostId }, data: { agentVersion: '0.0.9', ...change } });
  await prisma.hostState.update({ where: { hostId }, data: { dueAt: test.clock.now() } });
  await test.sweep();
}

const view = async (hostId: string) => (await test.call('GET', `/api/v1/hosts/${hostId}`)).body;
const finding = async (code: string, hostId = mac) => {
  const { findings } = await view(hostId);
  return (findings as unknown as readonly ReplyBody[]).find((one) => String(one['code']) === code);
};
const openPlans = (hostId = mac) => test.database.prisma.plan.count({ where: { hostId, state: 'open' } });

async function wantRaise(name: string, extraArgs: readonly string[] = []): Promise<void> {
  const body = { name, quota: 255, extraArgs, selector: { labels: [name] }, exception: EXCEPTION, apply: true };
  expect(await test.call('POST', '/api/v1/policies', { body })).toMatchObject({ status: 201 });
  await test.sweep();
}

it('begins no plan that the agent cannot end, says why, and begins it after the update', async () => {
  await hello({ capabilities: ['collect_facts', 'install_kdk'] });
  await wantRaise('lab');
  expect(await finding('AGENT_TOO_OLD')).toMatchObject({
    severity: 'blocker',
    seen: expect.stringContaining('0.0.9'),
    nextStep: expect.stringContaining('build_kc'),
  });
  expect(await view(mac)).toMatchObject({ waitsFor: 'The agent is too old for a step of the plan.' });
  expect(await test.database.prisma.job.count({ where: { hostId: mac } })).toBe(0);
  await hello({ capabilities: ['collect_facts', 'install_kdk', 'build_kc', 'place_kit', 'set_boot_args'] });
  expect(await finding('AGENT_TOO_OLD')).toBeUndefined();
  expect(await openPlans()).toBe(1);
  await hello({ capabilities: ['collect_facts'] });
  expect(await finding('AGENT_TOO_OLD')).toBeDefined();
  expect(await openPlans(), 'an agent that was taken back to an older version').toBe(0);
});

/** M1 Pro with macOS 14: its development kernel does not start without an argument. */
const ofM1Pro = (facts: Facts): Facts => ({
  ...facts,
  kernel: { ...facts.kernel, variant: 'T6000' },
  kdks: (facts.kdks ?? []).map((kdk) => ({ ...kdk, variants: ['T6000'] })),
});
const WORD = '-unsafe_kernel_text';
const KC_M1 = { ...KC, variant: 'T6000' };

describe('a kit that has to know what its kernel needs to start', () => {
  let m1: string;
  const stepOf = async (): Promise<PlanStep> => {
    const { bytes } = await test.database.prisma.plan.findFirstOrThrow({ where: { hostId: m1, state: 'open' } });
    return (JSON.parse(Buffer.from(bytes).toString('utf8')) as { steps: PlanStep[] }).steps.at(-1) as PlanStep;
  };
  const place = async (said: object) => {
    const step = await stepOf();
    if (step.kind !== 'place_kit') throw new Error(`the last step is ${step.kind}`);
    const { visitId, quota } = step;
    const { grantId } = await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId: m1 } });
    const { expiresAt } = await test.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId ?? '' } });
    const kit = { visitId, quota, kcSha256: KC.sha256, complete: true, armed: true };
    const placed = { visitId, kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt: expiresAt.toISOString(), ...said };
    await finishJob(test, m1, placed, { ...ofM1Pro(kcStagedFacts()), visitKit: kit });
    await test.sweep();
  };
  const visits = () => test.database.prisma.visit.count({ where: { hostId: m1 } });

  it('is asked of no agent that would leave that out', async () => {
    m1 = await addMac(test, { labels: ['m1'], facts: ofM1Pro(kdkReadyFacts()) });
    await hello({ capabilities: ABILITIES.filter((one) => one !== KIT_WITH_NEEDED_ARGS) }, m1);
    await wantRaise('m1', [WORD]);
    expect(await finding('AGENT_TOO_OLD', m1)).toMatchObject({ nextStep: expect.stringContaining('needed_args') });
    expect(await openPlans(m1)).toBe(0);
    await hello({ capabilities: [...ABILITIES] }, m1);
    expect(await finding('AGENT_TOO_OLD', m1)).toBeUndefined();
    expect(await stepOf()).toMatchObject({ kind: 'place_kit', neededArgs: [WORD] });
  });

  it('counts as placed once the agent says that it knows them', async () => {
    await finishJob(test, m1, KC_M1, ofM1Pro(kcStagedFacts()));
    await place({});
    expect([await visits(), await openPlans(m1)], 'placed by an agent that took over in between').toEqual([0, 1]);
    await place({ neededArgs: [WORD] });
    expect([await visits(), await openPlans(m1)]).toEqual([1, 0]);
  });
});

it('names the age of an agent where a step failed, or where its kit cannot go, and nowhere else', async () => {
  const old = await addMac(test, { labels: ['old'], facts: stockFacts() });
  const first = ABILITIES.filter((one) => one !== KIT_WITH_NEEDED_ARGS && one !== 'disarm_kit');
  await hello({ capabilities: first }, old);
  await wantRaise('old');
  expect(await finding('AGENT_BEHIND', old)).toBeUndefined();
  const { prisma } = test.database;
  await prisma.job.updateMany({ where: { hostId: old }, data: { attempts: 1, errorCode: 'KDK_DOWNLOAD_FAILED' } });
  await hello({}, old);
  expect(await finding('AGENT_BEHIND', old), 'it waits for its next try').toMatchObject({
    detail: 'The step install_kdk failed with KDK_DOWNLOAD_FAILED; a newer agent may do it.',
  });
  const failed = { state: 'failed', errorCode: 'KC_READ_BACK_FAILED', finishedAt: test.clock.now() };
  await prisma.job.updateMany({ where: { hostId: old }, data: failed });
  await prisma.plan.updateMany({ where: { hostId: old }, data: { state: 'failed' } });
  await hello({}, old);
  expect(await finding('AGENT_BEHIND', old)).toMatchObject({
    severity: 'warning',
    seen: expect.stringContaining('lacks disarm_kit, place_kit.needed_args'),
    nextStep: expect.stringMatching(/^Update the agent.*version 0\.0\.9.*failed with KC_READ_BACK_FAILED/),
  });
  await hello({ capabilities: [...ABILITIES] }, old);
  expect(await finding('STEP_FAILED', old)).toBeDefined();
  expect(await finding('AGENT_BEHIND', old)).toBeUndefined();

  const { visitKit } = kitPlacedFacts();
  const kept = await addMac(test, { facts: { ...stockFacts(), visitKit } });
  await hello({ capabilities: first }, kept);
  expect(await finding('AGENT_BEHIND', kept)).toMatchObject({ detail: 'It cannot take `raise` off this Mac.' });
  await report(test, kept, { ...stockFacts(), visitKit: visitKit && { ...visitKit, armed: false } });
  await test.sweep();
  expect(await finding('AGENT_BEHIND', kept)).toBeUndefined();
});

it('shows a suspected clone for a day', async () => {
  const hint = (hardwareUuid: string) => ({
    hardwareUuid,
    bootSessionId: '',
    agentVersion: '0.1.0',
    address: '192.0.2.7',
  });
  const macs = [hint('MAC-ONE'), hint('MAC-OTHER')];
  await hello({ cloneHint: { at: test.clock.now().toISOString(), reason: 'it was seen twice', macs } });
  expect(await finding('CLONE_SUSPECTED')).toMatchObject({
    severity: 'warning',
    expected: expect.stringContaining('MAC-ONE'),
    seen: expect.stringContaining('MAC-OTHER'),
  });
  test.clock.advance(24 * 3_600_000 + 1000);
  await test.sweep();
  expect(await finding('CLONE_SUSPECTED')).toBeUndefined();
});
