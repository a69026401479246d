/** What the agent of a Mac cannot do is a finding before anything is begun, and a suspected clone is shown with both hints. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { KDK, stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, openTestApi, type ReplyBody, type TestApi } from './support.ts';

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
async function hello(change: { capabilities?: string[]; cloneHint?: object }): Promise<void> {
  const { prisma } = test.database;
  await prisma.hostReport.update({ where: { hostId: mac }, data: { agentVersion: '0.0.9', ...change } });
  await prisma.hostState.update({ where: { hostId: mac }, data: { dueAt: test.clock.now() } });
  await test.sweep();
}

const finding = async (code: string) => {
  const { findings } = (await test.call('GET', `/api/v1/hosts/${mac}`)).body;
  return (findings as unknown as readonly ReplyBody[]).find((one) => String(one['code']) === code);
};
const openPlans = () => test.database.prisma.plan.count({ where: { hostId: mac, state: 'open' } });

it('begins no plan that the agent cannot end, says why, and begins it after the update', async () => {
  await hello({ capabilities: ['collect_facts', 'install_kdk'] });
  const body = { name: 'lab', quota: 255, selector: { labels: ['lab'] }, exception: EXCEPTION, apply: true };
  expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
  await test.sweep();
  expect(await finding('AGENT_TOO_OLD')).toMatchObject({
    severity: 'blocker',
    seen: expect.stringContaining('0.0.9'),
    nextStep: expect.stringContaining('build_kc'),
  });
  expect(await test.database.prisma.job.count({ where: { hostId: mac } })).toBe(0);
  await hello({ capabilities: ['collect_facts', 'install_kdk', 'build_kc', 'place_kit', 'set_boot_args'] });
  expect(await finding('AGENT_TOO_OLD')).toBeUndefined();
  expect(await openPlans()).toBe(1);
  await hello({ capabilities: ['collect_facts'] });
  expect(await finding('AGENT_TOO_OLD')).toBeDefined();
  expect(await openPlans(), 'an agent that was taken back to an older version').toBe(0);
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
