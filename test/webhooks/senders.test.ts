/** Whoever sends may be several, may be stopped and may be killed: each message arrives, and no two send the same at once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { embeddedAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { AT_ONCE, WebhookSender } from '../../apps/controller/src/webhooks/sender.ts';
import { openTestApi, type TestApi } from '../api/support.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { query } from '../support/query.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';
import { ok, Receiver } from './receiver.ts';

const TEST_MS = 90_000;
const SLOW_MS = 40_000;

describe('two senders on one database', () => {
  let test: TestApi;
  let receiver: Receiver;
  let senders: readonly WebhookSender[];
  beforeAll(async () => {
    test = await openTestApi();
    receiver = await Receiver.start();
    const { database, clock, bus, keys } = test;
    senders = [1, 2].map(() => new WebhookSender(database, clock, bus, keys.webhookKey));
  });
  afterEach(() => test.database.prisma.webhook.deleteMany());
  afterAll(async () => {
    await receiver?.stop();
    await test?.stop();
  });

  async function queue(count: number): Promise<void> {
    const { prisma, siteId } = test.database;
    const now = test.clock.now();
    const id = uuidv7(now.getTime());
    const own = { id, siteId, name: id, url: receiver.url, events: ['*'], state: 'on', createdBy: 'test' };
    await prisma.webhook.create({ data: { ...own, createdAt: now, changedAt: now } });
    const event = { webhookId: id, siteId, type: 'ping', occurredAt: now, state: 'queued', nextAt: now };
    const data = Array.from({ length: count }, () => ({
      ...event,
      eventId: uuidv7(),
      body: '{"type":"ping","data":{}}',
    }));
    await prisma.webhookDelivery.createMany({ data });
  }
  const inState = (state: string) => test.database.prisma.webhookDelivery.count({ where: { state } });

  it('share the work: each message is sent by one of them', async () => {
    receiver.answer = (response, received) => setTimeout(() => ok(response, received), 5);
    await queue(160);
    await Promise.all(senders.map((sender) => sender.look()));
    await waitForValue(() => inState('delivered'), 160);
    expect(receiver.all).toHaveLength(160);
    expect(new Set(receiver.all.map(({ id }) => id)).size).toBe(160);
  });

  it('leave alone what the other is sending, and take it when its lease is over', async () => {
    receiver.all.length = 0;
    let answerLate: () => void = () => {};
    receiver.answer = (response) => {
      answerLate = () => response.writeHead(500).end();
    };
    await queue(1);
    await senders[0]?.look();
    await waitFor(() => receiver.open === 1);
    await senders[1]?.look();
    test.clock.advance(20_000);
    await senders[1]?.look();
    await sleep(200);
    expect(receiver.all).toHaveLength(1);
    test.clock.advance(20_000);
    receiver.answer = ok;
    await senders[1]?.look();
    await waitForValue(() => inState('delivered'), 1);
    expect(receiver.all.map(({ id }) => id)).toEqual(Array(2).fill(receiver.all[0]?.id));
    // What the first one hears at last is old news.
    answerLate();
    await waitFor(() => receiver.open === 0);
    await senders[0]?.stop();
    const [delivery] = await test.database.prisma.webhookDelivery.findMany();
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 1, lastStatus: 204 });
  });

  it('stop soon, and what they could not end is free at once, as if it had not been tried', async () => {
    receiver.all.length = 0;
    receiver.answer = () => {};
    await queue(AT_ONCE + 1);
    await senders[1]?.look();
    await waitFor(() => receiver.open === AT_ONCE);
    await senders[1]?.stop();
    const left = await test.database.prisma.webhookDelivery.findMany({ where: { state: 'queued' } });
    expect(left.map(({ attempts, leaseUntil, lastError }) => [attempts, leaseUntil, lastError])).toEqual(
      Array(AT_ONCE + 1).fill([0, null, null]),
    );
    await senders[1]?.look();
    receiver.answer = ok;
    await test.sweep();
    await waitForValue(() => inState('delivered'), AT_ONCE + 1);
    expect(receiver.all).toHaveLength(AT_ONCE + AT_ONCE + 1);
  });
});

describe('a controller that is killed while it sends', { timeout: TEST_MS }, () => {
  let stateDir: string;
  let controller: ControllerProcess;
  let receiver: Receiver;
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'hr-hooks-'));
    receiver = await Receiver.start();
    controller = await ControllerProcess.start({ stateDir, args: ['--sweep-ms', '300'] });
  }, TEST_MS);
  afterAll(async () => {
    await receiver?.stop();
    await controller?.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  it('sends it again after its next start, the very same, and then no more', async () => {
    receiver.answer = () => {};
    const body = { name: 'tool', url: receiver.url, events: ['*'] };
    const { id } = await controller.call<{ id: string }>('POST', '/api/v1/webhooks', body);
    const { eventId } = await controller.call<{ eventId: string }>('POST', `/api/v1/webhooks/${id}/test`);
    await waitFor(() => receiver.open === 1, SLOW_MS);
    await controller.kill();
    receiver.answer = ok;
    controller = await ControllerProcess.start({ stateDir, args: ['--sweep-ms', '300'] });
    const other = await controller.call<{ eventId: string }>('POST', `/api/v1/webhooks/${id}/test`);
    await waitFor(() => receiver.all.some((one) => one.id === other.eventId), SLOW_MS);
    // The lease of the dead one still holds; time passes.
    expect(receiver.all.map((one) => one.id)).toEqual([eventId, other.eventId]);
    const passed = `UPDATE webhook_delivery SET lease_until = now() - interval '1 s' WHERE event_id = '${eventId}'`;
    await query(embeddedAddress(stateDir), passed);
    const states = async () => {
      const path = `/api/v1/webhooks/${id}/deliveries?state=delivered`;
      return (await controller.call<{ items: unknown[] }>('GET', path)).items.length;
    };
    await waitForValue(() => states(), 2, SLOW_MS);
    expect(receiver.all.map((one) => one.id)).toEqual([eventId, other.eventId, eventId]);
    expect(receiver.all[2]?.text).toBe(receiver.all[0]?.text);
  });
});
