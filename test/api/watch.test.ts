/** Whoever watches is told what happens, misses nothing while away, and is cut off when slow or not allowed any more. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Actor } from '../../apps/controller/src/api/api-tokens.ts';
import { EventLog, type LoggedEvent, OVERLAP_MS } from '../../apps/controller/src/api/watch/event-log.ts';
import { watchRoutes } from '../../apps/controller/src/api/watch/routes.ts';
import { WATCHERS_PER_TOKEN_MAX, WatchHub } from '../../apps/controller/src/api/watch/watch-hub.ts';
import { HELD_MAX, Watcher } from '../../apps/controller/src/api/watch/watcher.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { waitFor } from '../support/wait-for.ts';
import { addMac, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
let host: string;
beforeAll(async () => {
  test = await openTestApi();
  host = await addMac(test, { labels: ['lab'] });
});
afterAll(() => test.stop());

interface SeenEvent {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

interface Watch {
  readonly events: SeenEvent[];
  readonly status: number;
  readonly heartbeats: () => number;
  readonly ended: () => boolean;
  stop(): void;
}

async function watch(path: string, lastEventId?: string, token = test.token('reader')): Promise<Watch> {
  const leaving = new AbortController();
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  };
  const response = await fetch(`${test.url}${path}`, { headers, signal: leaving.signal });
  const events: SeenEvent[] = [];
  let heartbeats = 0;
  let ended = false;
  const read = async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
        if (block.startsWith(':')) heartbeats += 1;
        else events.push({ id: field('id'), name: field('event'), data: JSON.parse(field('data')) });
      }
    }
  };
  void read()
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  return {
    events,
    status: response.status,
    heartbeats: () => heartbeats,
    ended: () => ended,
    stop: () => leaving.abort(),
  };
}

async function happen(kind: string, detail: object = {}, hostId = host): Promise<string> {
  const at = test.clock.now();
  const id = uuidv7(at.getTime());
  const { siteId } = test.database;
  await test.database.prisma.hostEvent.create({ data: { id, siteId, hostId, at, kind, detail } });
  return id;
}

/** A job that the host has leased, and its renewal with a line for people. */
async function runningJob() {
  const { prisma, siteId } = test.database;
  const jobId = uuidv7(test.clock.now().getTime());
  const { sessionNumber } = await prisma.hostReport.findUniqueOrThrow({ where: { hostId: host } });
  const lease = { leaseNumber: 1, leaseSession: sessionNumber, leaseExpiresAt: test.clock.now() };
  const work = { lane: 'care', stepIndex: 0, kind: 'build_kc', state: 'leased' };
  await prisma.job.create({
    data: { id: jobId, siteId, hostId: host, createdAt: test.clock.now(), ...work, ...lease },
  });
  const renew = (progress: string) => test.jobs.renew({ hostId: host, sessionNumber, jobId, leaseNumber: 1, progress });
  return { jobId, renew };
}

/** An answer that is open to a hub of a test's own, and what was written to it. */
function answer() {
  const response = Object.assign(new PassThrough(), { setHeader: () => {} });
  let text = '';
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  return { response, text: () => text, stream: { response: response as unknown as ServerResponse, lastEventId: null } };
}

const reader = { tokenId: randomUUID() } as Actor;
const SHOW_ID = { event: ({ id }: LoggedEvent) => ({ name: 'host', data: { id } }), progress: () => null };

const ids = ({ events }: Watch) => events.filter(({ name }) => name !== 'ready').map(({ id }) => id);

describe('watching', () => {
  it('asks for the permission of what it tells', () => {
    const asked = watchRoutes({} as WatchHub).map(({ id, permission }) => [id, permission]);
    expect(asked).toEqual([
      ['watchHosts', 'host.read'],
      ['watchJobs', 'job.read'],
    ]);
  });

  it('tells hosts and jobs apart, each with its state', async () => {
    const hosts = await watch('/api/v1/hosts/watch');
    const jobs = await watch('/api/v1/jobs/watch');
    const state = await happen('state', { from: 'no_facts', to: 'not_started' });
    const opened = await happen('step.opened', { jobId: 'j1', kind: 'build_kc', stepIndex: 1 });
    const step = await happen('step.started', { jobId: 'j1', kind: 'build_kc', leaseNumber: 1 });
    await waitFor(() => ids(hosts).length > 0 && ids(jobs).length > 1);
    expect(hosts.events.find(({ id }) => id === state)).toMatchObject({
      name: 'host',
      data: { hostId: host, kind: 'state', state: 'no_facts', detail: { to: 'not_started' } },
    });
    expect(jobs.events.find(({ id }) => id === step)).toMatchObject({
      name: 'job',
      data: { hostId: host, jobId: 'j1', kind: 'build_kc', state: 'leased' },
    });
    expect(jobs.events.find(({ id }) => id === opened)?.data).toMatchObject({ jobId: 'j1', state: 'queued' });
    expect([ids(hosts), ids(jobs)]).toEqual([[state], [opened, step]]);
    for (const one of [hosts, jobs]) one.stop();
  });

  it('tells only of the Macs asked for', async () => {
    const other = await addMac(test);
    const only = await watch(`/api/v1/hosts/watch?host=${other}`);
    await happen('session');
    const wanted = await happen('session', {}, other);
    await waitFor(() => ids(only).length > 0);
    expect(ids(only)).toEqual([wanted]);
    only.stop();
  });

  it('goes on where it was left, with a lower id that was committed late', async () => {
    const first = await watch('/api/v1/hosts/watch');
    const late = uuidv7(test.clock.now().getTime());
    const known = await happen('session');
    await waitFor(() => ids(first).includes(known));
    first.stop();
    const { siteId } = test.database;
    const at = test.clock.now();
    await test.database.prisma.hostEvent.create({
      data: { id: late, siteId, hostId: host, at, kind: 'session', detail: {} },
    });
    const missed = [await happen('session'), await happen('state', { to: 'not_started' })];
    const again = await watch('/api/v1/hosts/watch', known);
    await waitFor(() => missed.every((id) => ids(again).includes(id)));
    expect(ids(again)).toContain(late);
    expect(ids(again)).not.toContain(known);
    expect(new Set(ids(again)).size).toBe(ids(again).length);
    const live = await happen('session');
    await waitFor(() => ids(again).includes(live));
    again.stop();
  });

  it('tells a live watcher of a lower id that was committed late', async () => {
    const one = await watch('/api/v1/hosts/watch');
    const late = uuidv7(test.clock.now().getTime());
    const known = await happen('session');
    await waitFor(() => ids(one).includes(known));
    const at = test.clock.now();
    const { siteId } = test.database;
    await test.database.prisma.hostEvent.create({
      data: { id: late, siteId, hostId: host, at, kind: 'session', detail: {} },
    });
    await waitFor(() => ids(one).includes(late));
    one.stop();
  });

  it('sends whoever was away for more than a day to the lists', async () => {
    const id = await happen('session');
    test.clock.advance(25 * 3_600_000);
    const one = await watch('/api/v1/hosts/watch', id);
    await waitFor(() => one.events.some(({ name }) => name === 'resync'));
    expect(ids(one)).toEqual(['']);
    one.stop();
  });

  it('sends to the lists whoever comes back with an id of a time to come: the clock was set back since', async () => {
    const one = await watch('/api/v1/hosts/watch', uuidv7(test.clock.now().getTime() + 86_400_000));
    await waitFor(() => one.events.some(({ name }) => name === 'resync'));
    one.stop();
  });

  it('replays more than one page, also of one moment whose ids ran ahead of it as thousands were made', async () => {
    const from = await happen('session');
    const at = test.clock.now();
    const { siteId } = test.database;
    const many = Array.from({ length: 1200 }, () => {
      for (let others = 0; others < 7; others += 1) uuidv7(at.getTime());
      return uuidv7(at.getTime());
    });
    await test.database.prisma.hostEvent.createMany({
      data: many.map((id) => ({ id, siteId, hostId: host, at, kind: 'session', detail: {} })),
    });
    const one = await watch('/api/v1/hosts/watch', from);
    await waitFor(() => ids(one).length >= 1200);
    expect(new Set(ids(one)).size).toBe(ids(one).length);
    expect(many.every((id) => ids(one).includes(id))).toBe(true);
    one.stop();
  });

  it('shows that it lives when nothing happens', async () => {
    const one = await watch('/api/v1/hosts/watch');
    await waitFor(() => one.heartbeats() >= 2);
    one.stop();
  });

  it('needs the permission, and ends with the token', async () => {
    expect((await watch('/api/v1/hosts/watch', undefined, 'hrt_wrongwrongwrongwrong')).status).toBe(401);
    const made = await test.call('POST', '/api/v1/api-tokens', { body: { name: 'watcher', role: 'reader' } });
    const one = await watch('/api/v1/hosts/watch', undefined, String(made.body['token']));
    const other = await watch('/api/v1/hosts/watch');
    await waitFor(() => one.heartbeats() > 0);
    await test.call('DELETE', `/api/v1/api-tokens/${String(made.body['id'])}`);
    await waitFor(() => one.ended(), 3000);
    expect(other.ended()).toBe(false);
    other.stop();
  });

  it('tells the progress of running jobs as it is, and not each line of it', async () => {
    const { jobId, renew } = await runningJob();
    const jobs = await watch(`/api/v1/jobs/watch?host=${host}`);
    const hosts = await watch('/api/v1/hosts/watch');
    const progress = ({ events }: Watch) => events.filter(({ name }) => name === 'progress');
    await renew('KDK 1 of 812 MB');
    await waitFor(() => progress(jobs).length === 1);
    expect(progress(jobs)[0]).toMatchObject({
      id: '',
      data: { jobId, hostId: host, kind: 'build_kc', state: 'leased', detail: { progress: 'KDK 1 of 812 MB' } },
    });
    const looks = performance.now();
    for (let line = 2; line <= 80; line += 1) await renew(`KDK ${line} of 812 MB`);
    const last = 'KDK 80 of 812 MB';
    await waitFor(() => JSON.stringify(progress(jobs).at(-1)?.data).includes(last));
    // One for each look, which comes every 100 ms here.
    expect(progress(jobs).length).toBeLessThanOrEqual(3 + (performance.now() - looks) / 100);
    const passLook = async () => {
      const seen = ids(hosts).length;
      await happen('session');
      await waitFor(() => ids(hosts).length > seen);
    };
    // A look may have read the last line before its wake-up came: it is told once more then.
    for (const _ of [1, 2]) await passLook();
    const told = progress(jobs).length;
    await renew(last);
    await renew('');
    for (const _ of [1, 2]) await passLook();
    expect(progress(jobs)).toHaveLength(told);
    expect(progress(hosts)).toEqual([]);
    for (const one of [jobs, hosts]) one.stop();
  });

  it('is not put off by wake-ups that never end', async () => {
    const times = { pollMs: 600_000, restMs: 500, heartbeatMs: 600_000, unreadMs: 30_000 };
    const hub = new WatchHub(new EventLog(test.database), test.clock, test.bus, times);
    const response = Object.assign(new PassThrough(), { setHeader: () => {} });
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    const { id: tokenId } = await test.database.prisma.apiToken.findFirstOrThrow({ where: { name: 'reader' } });
    const stream = { response: response as unknown as ServerResponse, lastEventId: null };
    const show = { event: () => ({ name: 'host', data: {} }), progress: () => null };
    await hub.open({ tokenId } as Actor, stream, show);
    const waking = setInterval(() => test.bus.publish({ kind: 'due', hostId: host }), 20);
    const id = await happen('session');
    await waitFor(() => text.includes(id)).finally(() => clearInterval(waking));
    hub.stop();
    response.destroy();
  });

  it('cuts off a reader that comes back after hours and never reads', async () => {
    const from = await happen('session');
    const at = test.clock.now();
    const many = Array.from({ length: 600 }, () => uuidv7(at.getTime()));
    const { siteId } = test.database;
    const detail = { text: 'x'.repeat(500) };
    await test.database.prisma.hostEvent.createMany({
      data: many.map((id) => ({ id, siteId, hostId: host, at, kind: 'note', detail })),
    });
    test.clock.advance(2 * 3_600_000);
    const times = { pollMs: 50, restMs: 20, heartbeatMs: 600_000, unreadMs: 300 };
    const hub = new WatchHub(new EventLog(test.database), test.clock, test.bus, times);
    const unread = Object.assign(new PassThrough(), { setHeader: () => {} });
    const { id: tokenId } = await test.database.prisma.apiToken.findFirstOrThrow({ where: { name: 'reader' } });
    const stream = { response: unread as unknown as ServerResponse, lastEventId: from };
    const show = { event: ({ detail }: LoggedEvent) => ({ name: 'host', data: detail }), progress: () => null };
    await hub.open({ tokenId } as Actor, stream, show);
    expect(unread.destroyed).toBe(true);
  });

  it('cuts off a reader that is caught up by more than it can be told at once', () => {
    const response = Object.assign(new PassThrough(), { setHeader: () => {} });
    const watcher = new Watcher('token', response as unknown as ServerResponse, {
      event: () => null,
      progress: () => null,
    });
    const events = (count: number) => Array.from({ length: count }, () => ({ id: uuidv7() }) as LoggedEvent);
    watcher.tell(events(HELD_MAX));
    expect(watcher.isOpen).toBe(true);
    watcher.tell(events(1));
    expect(watcher.isOpen).toBe(false);
  });

  it('remembers of a long past only what the present may bring once more', async () => {
    const from = await happen('session');
    for (let n = 0; n < 5; n += 1) await happen('session');
    test.clock.advance(OVERLAP_MS + 1);
    const recent = await happen('session');
    const goLive = vi.spyOn(Watcher.prototype, 'goLive');
    const one = await watch('/api/v1/hosts/watch', from);
    await waitFor(() => ids(one).includes(recent));
    await waitFor(() => goLive.mock.calls.length === 1);
    expect([...(goLive.mock.calls[0]?.[0] ?? [])]).toEqual([recent]);
    goLive.mockRestore();
    expect(ids(one).length).toBeGreaterThan(5);
    one.stop();
  });

  it('forgets who hung up before it was opened', async () => {
    const times = { pollMs: 600_000, restMs: 600_000, heartbeatMs: 600_000, unreadMs: 30_000 };
    const hub = new WatchHub(new EventLog(test.database), test.clock, test.bus, times);
    for (let gone = 0; gone <= WATCHERS_PER_TOKEN_MAX; gone += 1) {
      const { response, stream } = answer();
      response.destroy();
      await once(response, 'close');
      await hub.open(reader, stream, SHOW_ID);
    }
    const { text, response, stream } = answer();
    await hub.open(reader, stream, SHOW_ID);
    expect(text()).toContain('event: ready');
    hub.stop();
    response.destroy();
  });

  it('tells the first watcher what happens while the second one begins, and lets no more in at once than one by one', async () => {
    const asked: ((ids: readonly string[]) => void)[] = [];
    const happened = uuidv7(test.clock.now().getTime());
    const log = {
      idsSince: () => new Promise<readonly string[]>((resolve) => asked.push(resolve)),
      byIds: async (ids: readonly string[]) => ids.map((id) => ({ id })),
      revokedOf: async () => new Set(),
    } as unknown as EventLog;
    const times = { pollMs: 10, restMs: 10, heartbeatMs: 600_000, unreadMs: 30_000 };
    const hub = new WatchHub(log, test.clock, test.bus, times);
    const first = answer();
    const opening = hub.open(reader, first.stream, SHOW_ID);
    const others = Array.from({ length: WATCHERS_PER_TOKEN_MAX }, () => answer());
    const more = Promise.allSettled(others.map(({ stream }) => hub.open(reader, stream, SHOW_ID)));
    asked[0]?.([]);
    await opening;
    // Whoever asks next, the event is there since: another that begins, or the look that tells it.
    await waitFor(() => asked.length > 1);
    for (const answerTo of asked) answerTo([happened]);
    const states = (await more).map(({ status }) => status);
    await waitFor(() => {
      for (const answerTo of asked) answerTo([happened]);
      return first.text().includes(happened);
    }, 5_000);
    expect(states.filter((state) => state === 'rejected')).toHaveLength(1);
    hub.stop();
    for (const { response } of [first, ...others]) response.destroy();
  });

  it('is limited for each token', async () => {
    const made = await test.call('POST', '/api/v1/api-tokens', { body: { name: 'many', role: 'reader' } });
    const token = String(made.body['token']);
    const open = await Promise.all(
      Array.from({ length: WATCHERS_PER_TOKEN_MAX }, () => watch('/api/v1/hosts/watch', undefined, token)),
    );
    const more = await watch('/api/v1/hosts/watch', undefined, token);
    expect(more.status).toBe(429);
    for (const one of open) one.stop();
  });

  it('cuts off a reader that does not read, and the others go on', async () => {
    const { port, hostname } = new URL(test.url);
    const slow = connect(Number(port), hostname);
    let closed = false;
    slow.on('close', () => {
      closed = true;
    });
    slow.on('error', () => {});
    slow.write(`GET /api/v1/hosts/watch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${test.token('reader')}\r\n\r\n`);
    await new Promise((resolve) => slow.once('data', resolve));
    slow.pause();
    const good = await watch('/api/v1/hosts/watch');
    const at = test.clock.now();
    const { siteId } = test.database;
    let told: string[] = [];
    for (let round = 0; round < 8; round++) {
      told = Array.from({ length: 100 }, () => uuidv7(at.getTime()));
      const detail = { text: 'x'.repeat(20_000) };
      await test.database.prisma.hostEvent.createMany({
        data: told.map((id) => ({ id, siteId, hostId: host, at, kind: 'note', detail })),
      });
      await waitFor(() => told.every((id) => ids(good).includes(id)));
    }
    // A paused socket learns of its end only when it reads again.
    await sleep(100);
    slow.resume();
    await waitFor(() => closed);
    good.stop();
  });
});
