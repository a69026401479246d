/** What happens reaches whoever asked for it: signed, at least once, after commit only, and what cannot be delivered stays visible. */
import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeHostEvents } from '../../apps/controller/src/audit/write-many.ts';
import { writeHostEvent } from '../../apps/controller/src/db/host-events.ts';
import { VISIT_EVENTS } from '../../apps/controller/src/visits/visit-notes.ts';
import { PAUSES_MS, TRIES } from '../../apps/controller/src/webhooks/back-off.ts';
import { SUBSCRIPTIONS, WEBHOOK_EVENTS, type WebhookEventRow } from '../../apps/controller/src/webhooks/event-types.ts';
import { ANSWER_CHARS_MAX, post } from '../../apps/controller/src/webhooks/post.ts';
import { AT_ONCE, KEPT_DAYS } from '../../apps/controller/src/webhooks/sender.ts';
import { WEBHOOKS_MAX } from '../../apps/controller/src/webhooks/webhooks.ts';
import { addMac, EXCEPTION, hear, itemsOf, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';
import { waitFor } from '../support/wait-for.ts';
import { ok, Receiver, signaturesBy, status } from './receiver.ts';

const DAY_MS = 86_400_000;
const JITTER = 1.25;

let test: TestApi;
let receiver: Receiver;
let host: string;
let made = 0;
const receivers: Receiver[] = [];

beforeAll(async () => {
  test = await openTestApi();
  host = await addMac(test, { labels: ['lab'] });
  await test.sweep();
});
afterEach(async () => {
  await test.database.prisma.webhook.deleteMany();
  await Promise.all(receivers.splice(0).map((one) => one.stop()));
});
afterAll(() => test.stop());

/** A receiver, and a webhook that sends to it. */
async function subscribe(events: readonly string[], answer = ok): Promise<string> {
  receiver = await Receiver.start();
  receivers.push(receiver);
  receiver.answer = answer;
  made += 1;
  const body = { name: `hook-${made}`, url: receiver.url, events };
  const reply = await test.call('POST', '/api/v1/webhooks', { body });
  expect([reply.status, reply.body['state']]).toEqual([201, 'on']);
  return String(reply.body['id']);
}

function happen(kind: string, detail = {}, times = 1): Promise<void> {
  const line = { siteId: test.database.siteId, hostId: host, at: test.clock.now(), kind, detail };
  return test.database.transaction((tx) => writeHostEvents(tx, Array(times).fill(line)));
}

const view = async (id: string) => (await test.call('GET', `/api/v1/webhooks/${id}`)).body;
async function deliveries(id: string, state = ''): Promise<readonly ReplyBody[]> {
  const query = state === '' ? '' : `?state=${state}`;
  return itemsOf((await test.call('GET', `/api/v1/webhooks/${id}/deliveries${query}`)).body);
}
const presentKey = async () => String(itemsOf((await test.call('GET', '/api/v1/webhook-keys')).body)[0]?.['publicKey']);

/** Lets the back-off pass and looks again, until so many tries have come. */
async function passPauses(tries: number): Promise<void> {
  for (let done = receiver.all.length; done < tries; done += 1) {
    test.clock.advance((PAUSES_MS[done - 1] ?? 0) * JITTER);
    await test.sweep();
    await waitFor(() => receiver.all.length > done && receiver.open === 0);
    await waitFor(async () => (await leased()) === 0);
  }
}

async function leased(): Promise<number> {
  return test.database.prisma.webhookDelivery.count({ where: { leaseUntil: { not: null } } });
}

describe('an event', () => {
  it('comes once, with what the table promises, and a signature that the public key proves', async () => {
    const id = await subscribe(['host.*']);
    await happen('state', { from: 'no_facts', to: 'raised', waitsFor: null, internal: 'stays here' });
    await happen('visit.due', { visitId: 'v' });
    await happen('session', {});
    await test.sweep();
    await waitFor(async () => (await deliveries(id, 'delivered')).length === 1);
    expect(receiver.all).toHaveLength(1);
    const [received] = receiver.all;
    if (received === undefined) throw new Error('nothing came');
    const mac = await test.database.prisma.host.findUniqueOrThrow({ where: { id: host } });
    const { name, serial, hardwareUuid } = mac;
    expect(received.body).toEqual({
      type: 'host.state',
      timestamp: test.clock.now().toISOString(),
      data: { host: { id: host, name, serial, hardwareUuid }, from: 'no_facts', to: 'raised', waitsFor: null },
    });
    const line = await test.database.prisma.hostEvent.findFirstOrThrow({
      where: { kind: 'state', hostId: host },
      orderBy: { id: 'desc' },
    });
    expect(received.id).toBe(line.id);
    expect(received.headers['content-type']).toBe('application/json');
    expect(Number(received.headers['webhook-timestamp'])).toBe(Math.floor(test.clock.now().getTime() / 1000));
    expect(signaturesBy(await presentKey(), received)).toBe(1);
    expect(signaturesBy(await presentKey(), { ...received, text: `${received.text} ` })).toBe(0);
    const headers = { ...received.headers, 'webhook-timestamp': '1' };
    expect(signaturesBy(await presentKey(), { ...received, headers })).toBe(0);
    expect(await view(id)).toMatchObject({ queued: 0, dead: 0, failingSince: null });
  });

  it('is not told when its transaction rolls back, and nothing is written when nobody asked', async () => {
    const id = await subscribe(['visit.drain']);
    const line = { siteId: test.database.siteId, hostId: host, at: test.clock.now(), kind: 'visit.drain' };
    const failing = test.database.transaction(async (tx) => {
      await writeHostEvent(tx, { ...line, detail: { visitId: 'undone' } });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await happen('visit.over', { visitId: 'not asked for' });
    await happen('visit.drain', { visitId: 'done' });
    await test.sweep();
    await waitFor(async () => (await deliveries(id, 'delivered')).length > 0);
    expect(receiver.all.map(({ body }) => body.data['visitId'])).toEqual(['done']);
    expect(await test.database.prisma.webhookDelivery.count()).toBe(1);
  });

  it('costs one statement for many, and each goes out once', async () => {
    const id = await subscribe(['*']);
    const statements = await test.database.transaction(async (tx) => {
      const line = { siteId: test.database.siteId, hostId: host, at: test.clock.now(), kind: 'step.finished' };
      let count = 0;
      const counting = new Proxy(tx, {
        get: (target, name) => {
          if (name === '$executeRawUnsafe') count += 1;
          return Reflect.get(target, name);
        },
      });
      await writeHostEvents(
        counting,
        Array.from({ length: 60 }, () => ({ ...line, detail: { jobId: 'j' } })),
      );
      return count;
    });
    expect(statements).toBe(1);
    await test.sweep();
    await waitFor(async () => ((await view(id))['queued'] as unknown) === 0);
    expect(receiver.all).toHaveLength(60);
    expect(new Set(receiver.all.map((one) => one.id)).size).toBe(60);
  });

  it('of a rollout or an exception is told beside those of its Macs', async () => {
    const id = await subscribe(['rollout.*', 'exception.*', 'host.intent']);
    const strategy = { rings: [{ name: 'all', take: { kind: 'rest' }, gate: 'manual' }] };
    const body = { name: 'told', quota: 8, selector: { labels: ['lab'] }, apply: true, exception: EXCEPTION, strategy };
    const policy = await test.call('POST', '/api/v1/policies', { body });
    expect(policy.status).toBe(201);
    await test.sweep();
    const rolloutId = String((await test.database.prisma.rollout.findFirstOrThrow()).id);
    // Decided again, it still waits for the same: that is told once.
    test.clock.advance(120_000);
    await test.api.rollouts.openPending(test.clock.now());
    await test.call('POST', `/api/v1/rollouts/${rolloutId}/rings/0/open`);
    await test.call('POST', `/api/v1/rollouts/${rolloutId}/pause`);
    const exceptionId = String((await test.database.prisma.riskException.findFirstOrThrow()).id);
    await test.call('POST', `/api/v1/exceptions/${exceptionId}/revoke`);
    await test.sweep();
    await waitFor(async () => ((await view(id))['queued'] as unknown) === 0);
    const told = receiver.all.map(({ body: { type, data } }) => ({ type, ...data }));
    const about = { rolloutId, actor: 'token:admin' };
    for (const wanted of [
      { type: 'rollout.created', ...about, state: 'running', targets: 1 },
      { type: 'rollout.changed', ...about, change: 'pause', state: 'paused' },
      { type: 'rollout.waits', rolloutId, reason: 'A person: the gate of ring all.', actor: 'system:rollouts' },
      { type: 'exception.approved', exceptionId, hosts: 1, actor: 'token:admin' },
      { type: 'exception.revoked', exceptionId, hosts: 1, reason: null },
      { type: 'exception.ended', exceptionId, how: 'was taken back', coveredByAnother: 0 },
      { type: 'host.intent', quota: 8, rolloutId, host: expect.objectContaining({ id: host }) },
    ])
      expect(told.filter(({ type }) => type === wanted.type)).toContainEqual(expect.objectContaining(wanted));
    expect(told.filter(({ type }) => type === 'rollout.waits')).toHaveLength(1);
    for (const { body: one } of receiver.all) {
      const promised = Object.keys(WEBHOOK_EVENTS[one.type as keyof typeof WEBHOOK_EVENTS].data);
      expect(
        Object.keys(one.data)
          .filter((name) => name !== 'host')
          .sort(),
        one.type,
      ).toEqual(promised.sort());
    }
  });
});

describe('a Mac that is lost', () => {
  it('is told once, and once more when it is heard of again', async () => {
    const mac = await addMac(test, { labels: ['away'] });
    await hear(test, mac);
    await test.sweep();
    const lastSeenAt = test.clock.now().toISOString();
    await subscribe(['host.lost', 'host.returned']);
    const told = () =>
      receiver.all.flatMap(({ body: { type, data } }) =>
        (data as { host?: { id: string } }).host?.id === mac ? [{ type, ...data }] : [],
      );
    test.clock.advance(DAY_MS - 1);
    await test.sweep();
    expect(told()).toEqual([]);
    test.clock.advance(60_000);
    await test.sweep();
    await waitFor(() => told().length === 1);
    expect(told()).toEqual([expect.objectContaining({ type: 'host.lost', lastSeenAt, state: 'no_facts' })]);
    test.clock.advance(DAY_MS);
    await test.database.prisma.hostState.update({ where: { hostId: mac }, data: { dueAt: test.clock.now() } });
    await test.sweep();
    test.clock.advance(1000);
    await hear(test, mac);
    await test.sweep();
    await waitFor(() => told().length > 1);
    expect(told().slice(1)).toEqual([
      expect.objectContaining({ type: 'host.returned', silentSince: lastSeenAt, state: 'no_facts' }),
    ]);
  });
});

describe('the table', () => {
  it('has every event of a visit, and none that nobody tells; what people note stays here', () => {
    const told = Object.keys(WEBHOOK_EVENTS).filter((type) => type.startsWith('visit.'));
    expect([...told, 'visit.note'].sort()).toEqual([...VISIT_EVENTS].sort());
  });

  it('has no line of a timeline twice', () => {
    const rows: readonly WebhookEventRow[] = Object.values(WEBHOOK_EVENTS);
    const kinds = rows.flatMap(({ timeline }) => timeline ?? []);
    expect(new Set(kinds).size).toBe(kinds.length);
  });
});

describe('a receiver that fails', () => {
  it('is tried again with the same id and body and a new time, and then it arrives', async () => {
    const id = await subscribe(['visit.*'], status(500, 'come back later'));
    await happen('visit.drain', { visitId: 'v1' });
    await test.sweep();
    await waitFor(async () => ((await deliveries(id))[0]?.['lastStatus'] as unknown) === 500);
    expect((await deliveries(id))[0]).toMatchObject({
      state: 'queued',
      attempts: 1,
      lastAnswer: 'come back later',
      lastError: 'answered 500',
    });
    expect(await view(id)).toMatchObject({ queued: 1, failingSince: expect.any(String), lastError: 'answered 500' });
    await test.sweep();
    expect(receiver.all).toHaveLength(1);
    receiver.answer = ok;
    await passPauses(2);
    await waitFor(async () => (await deliveries(id, 'delivered')).length === 1);
    const [first, second] = receiver.all;
    expect([second?.id, second?.text]).toEqual([first?.id, first?.text]);
    expect(Number(second?.headers['webhook-timestamp'])).toBeGreaterThan(Number(first?.headers['webhook-timestamp']));
    for (const one of receiver.all) expect(signaturesBy(await presentKey(), one)).toBe(1);
    expect(await view(id)).toMatchObject({ failingSince: null, lastError: null, lastDeliveredAt: expect.any(String) });
  });

  it('leaves a dead letter after the last try, which stays until it is replayed', async () => {
    const id = await subscribe(['visit.*'], status(503));
    await happen('visit.over', { visitId: 'v2' });
    await test.sweep();
    await waitFor(() => receiver.all.length === 1 && receiver.open === 0);
    await waitFor(async () => (await leased()) === 0);
    await passPauses(TRIES);
    await waitFor(async () => (await deliveries(id, 'dead')).length === 1);
    expect(receiver.all).toHaveLength(TRIES);
    expect(await view(id)).toMatchObject({ state: 'on', queued: 0, dead: 1 });
    test.clock.advance(DAY_MS);
    await test.sweep();
    expect(receiver.all).toHaveLength(TRIES);
    receiver.answer = ok;
    const replayed = await test.call('POST', `/api/v1/webhooks/${id}/replay-dead`);
    expect([replayed.status, replayed.body]).toEqual([202, { replayed: 1 }]);
    await test.sweep();
    await waitFor(async () => (await deliveries(id, 'delivered')).length === 1);
    expect(new Set(receiver.all.map((one) => one.id)).size).toBe(1);
    const eventId = receiver.all[0]?.id;
    const again = await test.call('POST', `/api/v1/webhooks/${id}/deliveries/${eventId}/replay`);
    expect(again.body).toEqual({ replayed: 1 });
    await test.sweep();
    await waitFor(() => receiver.all.length === TRIES + 2);
  });

  it('says what it is: a redirect, nobody there, a huge answer', async () => {
    const id = await subscribe(['visit.*'], status(302, '', { location: 'http://127.0.0.1:9/' }));
    await happen('visit.due');
    await test.sweep();
    await waitFor(async () => /redirects are not followed/.test(String((await deliveries(id))[0]?.['lastError'])));
    receiver.answer = (response) => response.writeHead(400).end('x'.repeat(20_000_000));
    await passPauses(2);
    await waitFor(async () => ((await deliveries(id))[0]?.['lastStatus'] as unknown) === 400);
    expect(String((await deliveries(id))[0]?.['lastAnswer'])).toHaveLength(ANSWER_CHARS_MAX);
    await receiver.stop();
    receivers.length = 0;
    test.clock.advance((PAUSES_MS[1] ?? 0) * JITTER);
    await test.sweep();
    await waitFor(async () => /ECONNREFUSED/.test(String((await deliveries(id))[0]?.['lastError'])));
    expect((await deliveries(id))[0]).toMatchObject({ attempts: 3, lastStatus: null });
  });

  it('holds up nobody else while it is slow, and gets a few messages at a time', async () => {
    const slow = await subscribe(['visit.*'], () => {});
    const slowReceiver = receiver;
    await happen('visit.due', {}, AT_ONCE * 3);
    await test.sweep();
    await waitFor(() => slowReceiver.all.length === AT_ONCE);
    const quick = await subscribe(['job.*']);
    await happen('step.lapsed', { jobId: 'j' }, 10);
    await test.sweep();
    await waitFor(async () => (await deliveries(quick, 'delivered')).length === 10);
    expect(slowReceiver.all).toHaveLength(AT_ONCE);
    expect((await deliveries(slow, 'queued')).length).toBe(AT_ONCE * 3);
    slowReceiver.answer = ok;
    await slowReceiver.stop();
  });

  it('has a limited time', async () => {
    await subscribe(['*'], () => {});
    const message = { url: receiver.url, headers: {}, body: '{}' };
    const answered = await post(message, new AbortController().signal, 300);
    expect(answered).toEqual({ status: null, answer: '', error: 'no answer within 0.3 s' });
    receiver.answer = (response) => response.writeHead(200).write('it goes on and');
    const dripped = await post(message, new AbortController().signal, 300);
    expect(dripped).toEqual({ status: 200, answer: 'it goes on and', error: null });
    const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n';
    receiver.answer = (response) => response.socket?.write(upgraded);
    const switched = await post(message, new AbortController().signal, 5_000);
    expect(switched).toEqual({ status: 101, answer: '', error: 'answered 101' });
  });

  it('has no say any more once the webhook has another address', async () => {
    let answerLate: () => void = () => {};
    const id = await subscribe(['visit.*'], (response) => {
      answerLate = () => response.writeHead(410).end();
    });
    await happen('visit.due');
    await test.sweep();
    await waitFor(() => receiver.open === 1);
    const old = receiver;
    const other = await Receiver.start();
    receivers.push(other);
    await test.call('PATCH', `/api/v1/webhooks/${id}`, { body: { url: other.url } });
    answerLate();
    await waitFor(() => old.open === 0);
    await waitFor(async () => {
      await test.sweep();
      return (await deliveries(id, 'delivered')).length === 1;
    });
    expect(other.all).toHaveLength(1);
    expect(await view(id)).toMatchObject({ state: 'on', dead: 0 });
  });

  it('is not sent what could not be sent for days', async () => {
    const id = await subscribe(['visit.*'], status(503));
    await happen('visit.due');
    await test.sweep();
    await waitFor(async () => (await deliveries(id))[0]?.['attempts'] === (1 as unknown));
    await test.call('PATCH', `/api/v1/webhooks/${id}`, { body: { state: 'off' } });
    test.clock.advance(2 * DAY_MS);
    await test.sweep();
    expect(await view(id)).toMatchObject({ queued: 1, dead: 0 });
    test.clock.advance(2 * DAY_MS);
    await test.sweep();
    expect(await view(id)).toMatchObject({ queued: 0, dead: 1 });
    expect((await deliveries(id, 'dead'))[0]).toMatchObject({ lastError: expect.stringContaining('3 days') });
  });

  it('leaves nothing of a message with the signal that ends a controller, which lives for months', async () => {
    await subscribe(['visit.*']);
    const stop = new AbortController().signal;
    const message = { url: receiver.url, headers: {}, body: '{}' };
    for (let sent = 0; sent < 3; sent += 1) expect((await post(message, stop)).error).toBeNull();
    expect(getEventListeners(stop, 'abort')).toEqual([]);
    // Node keeps a reference there for each signal that is made of this one, and takes none away.
    const kept = Object.getOwnPropertySymbols(stop).filter((symbol) => String(symbol).includes('Dependant'));
    expect(kept.map((symbol) => (stop as unknown as Record<symbol, Set<unknown>>)[symbol]?.size ?? 0)).not.toContain(3);
  });

  it('ends it with 410 while the answer to another message is written down, and neither has to give way', async () => {
    const id = await subscribe(['visit.*'], status(410));
    await happen('visit.due', {}, 2);
    const [other] = await deliveries(id);
    const client = await test.database.pool.connect();
    try {
      // In the order of RECORD: the delivery, then its webhook.
      await client.query('BEGIN');
      await client.query('UPDATE webhook_delivery SET last_error = NULL WHERE event_id = $1', [
        String(other?.['eventId']),
      ]);
      await test.sweep();
      const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%webhook_delivery%'`;
      await waitFor(async () => (await test.database.pool.query(waits)).rowCount === 1);
      await client.query('UPDATE webhook SET last_error = NULL WHERE id = $1', [id]);
      await client.query('COMMIT');
    } finally {
      client.release(true);
    }
    await waitFor(async () => ((await view(id))['state'] as unknown) === 'gone', 10_000);
  });

  it('ends it with 410, visibly; turned on again, it goes on', async () => {
    const id = await subscribe(['visit.*'], status(410));
    await happen('visit.due', {}, 2);
    await test.sweep();
    await waitFor(async () => ((await view(id))['state'] as unknown) === 'gone');
    expect(await view(id)).toMatchObject({ queued: 0, dead: 2, stateReason: 'The receiver answered 410 Gone.' });
    await happen('visit.due');
    expect(await deliveries(id)).toHaveLength(2);
    const audit = await test.call('GET', `/api/v1/audit?entity=webhook&entityId=${id}`);
    expect(itemsOf(audit.body).map(({ action, actor }) => [action, actor])).toContainEqual([
      'webhook.gone',
      'system:webhooks',
    ]);
    expect((await test.call('POST', `/api/v1/webhooks/${id}/replay-dead`)).status).toBe(409);
    receiver.answer = ok;
    await test.call('PATCH', `/api/v1/webhooks/${id}`, { body: { state: 'on' } });
    await test.call('POST', `/api/v1/webhooks/${id}/replay-dead`);
    await test.sweep();
    await waitFor(async () => (await deliveries(id, 'delivered')).length === 2);
  });
});

describe('webhooks', () => {
  it('go only to https, or to this machine', async () => {
    const status = async (url: string) =>
      (await test.call('POST', '/api/v1/webhooks', { body: { name: 'refused', url, events: ['*'] } })).status;
    for (const url of [
      'http://example.com/',
      'http://10.0.0.1/',
      'http://localhost.example.com/',
      'http://127.example.com/',
      'ftp://localhost/',
      'https://user:secret@example.com/',
      'no url',
    ])
      expect([url, await status(url)]).toEqual([url, 400]);
    for (const [index, url] of ['https://example.com/hook', 'http://localhost:1/', 'http://[::1]:1/'].entries()) {
      const body = { name: `fine-${index}`, url, events: ['*'] };
      expect([url, (await test.call('POST', '/api/v1/webhooks', { body })).status]).toEqual([url, 201]);
    }
  });

  it('are tested with a ping, changed on a condition, and rest while they are off', async () => {
    const id = await subscribe(['exception.*']);
    const ping = await test.call('POST', `/api/v1/webhooks/${id}/test`);
    await waitFor(() => receiver.all.length === 1);
    expect(receiver.all[0]).toMatchObject({
      id: ping.body['eventId'],
      body: { type: 'ping', data: { actor: 'token:admin' } },
    });
    const { headers } = await test.call('GET', `/api/v1/webhooks/${id}`);
    const etag = String(headers.get('etag'));
    const patch = (body: object) =>
      test.call('PATCH', `/api/v1/webhooks/${id}`, { body, headers: { 'if-match': etag } });
    expect((await patch({ state: 'off', events: ['visit.*'] })).body).toMatchObject({
      state: 'off',
      events: ['visit.*'],
      stateReason: 'Turned off by token:admin.',
    });
    expect((await patch({ state: 'on' })).status).toBe(412);
    await happen('visit.due');
    expect(await deliveries(id, 'queued')).toEqual([]);
    expect((await test.call('POST', `/api/v1/webhooks/${id}/test`)).status).toBe(409);
    expect((await test.call('DELETE', `/api/v1/webhooks/${id}`)).status).toBe(200);
    expect((await test.call('GET', `/api/v1/webhooks/${id}`)).status).toBe(404);
    const audit = itemsOf((await test.call('GET', `/api/v1/audit?entity=webhook&entityId=${id}`)).body);
    expect(audit.map(({ action }) => action as unknown)).toEqual([
      'webhook.delete',
      'webhook.change',
      'webhook.test',
      'webhook.create',
    ]);
    expect(JSON.stringify(audit)).not.toContain('/headroom');
  });

  it('refuse what is not an event, and more than there may be', async () => {
    const create = (name: string, events: readonly string[]) =>
      test.call('POST', '/api/v1/webhooks', { body: { name, url: 'https://example.com/', events } });
    expect((await create('bad', ['host.nothing'])).status).toBe(400);
    expect((await create('bad', ['ping'])).status).toBe(400);
    expect((await create('all', SUBSCRIPTIONS)).status).toBe(201);
    expect((await create('all', ['*'])).status).toBe(409);
    for (let index = 1; index < WEBHOOKS_MAX; index += 1) await create(`many-${index}`, ['*']);
    expect((await create('one-more', ['*'])).body['code']).toBe('CONFLICT');
  });

  it('page their deliveries, and forget those that ended long ago', async () => {
    const id = await subscribe(['visit.*']);
    await happen('visit.due', {}, 5);
    const page = await test.call('GET', `/api/v1/webhooks/${id}/deliveries?limit=3`);
    const rest = await test.call('GET', `/api/v1/webhooks/${id}/deliveries?limit=3&cursor=${page.body['nextCursor']}`);
    const ids = [...itemsOf(page.body), ...itemsOf(rest.body)].map(({ eventId }) => String(eventId));
    expect([new Set(ids).size, rest.body['nextCursor']]).toEqual([5, null]);
    await test.sweep();
    await waitFor(async () => (await deliveries(id, 'delivered')).length === 5);
    const dead = { webhookId_eventId: { webhookId: id, eventId: ids[0] ?? '' } };
    await test.database.prisma.webhookDelivery.update({ where: dead, data: { state: 'dead' } });
    test.clock.advance((KEPT_DAYS.delivered + 1) * DAY_MS);
    test.trustClock(false);
    await test.sweep();
    expect(await deliveries(id), 'by a clock that jumped').toHaveLength(5);
    test.trustClock(true);
    await test.sweep();
    expect((await deliveries(id)).map(({ state }) => state as unknown)).toEqual(['dead']);
    test.clock.advance(KEPT_DAYS.dead * DAY_MS);
    await test.sweep();
    expect(await deliveries(id)).toEqual([]);
    const audit = itemsOf((await test.call('GET', '/api/v1/audit?action=webhook.purge')).body);
    expect(audit[0]).toMatchObject({ after: { dead: 1, keptDays: 30 } });
  });
});
