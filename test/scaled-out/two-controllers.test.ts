/**
 * Two controllers on one fleet: real Postgres, real Redis, real processes, agents that speak the real protocol. Whatever is
 * killed or emptied, every Mac gets to where its policy wants it, and each job is done once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { applyQuota, provideKdk, readyFor } from '../support/fleet-of-agents.ts';
import { query } from '../support/query.ts';
import { hasRedis, REDIS_NEEDED, TestRedis } from '../support/redis.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { SyntheticMac } from '../support/synthetic-mac.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';
import { urlOf } from './database-url.ts';

const AGENTS = 8;
/** So long that nothing below happens by a check-in. */
const CHECK_IN_MS = 120_000;
/** Beside other tests on a small machine. */
const SLOW_MS = 60_000;
const TEST_MS = 180_000;

describe.skipIf(!hasRedis)(`two controllers on one fleet, needs ${REDIS_NEEDED}`, { timeout: TEST_MS }, () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let redis: TestRedis;
  let a: ControllerProcess;
  let b: ControllerProcess;
  const agents: SyntheticAgent[] = [];
  const sql = <Row extends object>(text: string) => query<Row>(postgres.address, text);

  /** With a sweep as rare as this, what `a` does at once it heard of by the bus; `b` sweeps for both. */
  const start = (name: 'a' | 'b') =>
    ControllerProcess.start({
      stateDir: join(folder, name),
      args: ['--keys-dir', join(folder, 'keys'), '--kdk-dir', join(folder, 'kdks')].concat([
        '--check-in-ms',
        String(CHECK_IN_MS),
        '--sweep-ms',
        name === 'a' ? '120000' : '1000',
        '--lease-ttl-ms',
        '5000',
      ]),
      env: { DATABASE_URL: urlOf(postgres.address), REDIS_URL: redis.url },
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hr-two-'));
    postgres = new EmbeddedPostgres(folder);
    redis = await TestRedis.start();
    await postgres.start();
    // Together, on an empty database: one of them makes the schema, the fleet and its keys.
    [a, b] = await Promise.all([start('a'), start('b')]);
  }, TEST_MS);

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await Promise.all([a?.stop(), b?.stop()]);
    await redis?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every job that was done was done once, by the word of those who did it. */
  async function expectEachJobOnce(): Promise<void> {
    const accepted = agents.flatMap(({ finished }) => finished.filter((one) => one.accepted).map(({ jobId }) => jobId));
    const done = await sql<{ id: string }>("SELECT id::text AS id FROM job WHERE state = 'succeeded'");
    expect(new Set(accepted).size).toBe(accepted.length);
    expect(accepted.sort()).toEqual(done.map(({ id }) => id).sort());
    const reports = await sql<{ n: number }>("SELECT count(*)::int AS n FROM audit WHERE action = 'job.succeed'");
    expect(reports[0]?.n).toBe(done.length);
  }

  it('are one fleet with one CA', async () => {
    expect(await sql('SELECT id FROM fleet')).toHaveLength(1);
    const [tokenA, tokenB] = [await a.enrolToken(1, []), await b.enrolToken(1, [])];
    expect(tokenA.split('.')[2]).toBe(tokenB.split('.')[2]);
  });

  it('serve any agent: made ready by both, through nudges across', async () => {
    const token = await a.enrolToken(AGENTS, ['lab']);
    const enrolled = Array.from({ length: AGENTS }, (_, index) =>
      SyntheticAgent.enrol((index % 2 === 0 ? a : b).urls.enrolUrl, token),
    );
    agents.push(...(await Promise.all(enrolled)));
    for (const [index, agent] of agents.entries()) {
      const [own, other] = index % 2 === 0 ? [a, b] : [b, a];
      agent.start([own.urls.agentUrl, other.urls.agentUrl]);
    }
    await waitFor(() => agents.every(({ connectedTo }) => connectedTo !== null), SLOW_MS);
    await provideKdk(a);
    await applyQuota(b, 'lab', 255);
    await waitForValue(() => readyFor(sql, 255), AGENTS, SLOW_MS);
    expect(agents.filter(({ connectedTo }) => connectedTo === a.urls.agentUrl)).toHaveLength(AGENTS / 2);
    expect(agents.every(({ nudges }) => nudges > 0)).toBe(true);
    await expectEachJobOnce();
  });

  it('are safe when both are asked for the same at once', async () => {
    const policy = { name: 'twice', quota: 2, selector: { labels: ['nobody'] }, apply: false };
    expect(await outcomes([a, b], 'POST', '/api/v1/policies', policy)).toEqual(['201', '409 CONFLICT']);
    const token = await a.enrolToken(2, []);
    const mac = new SyntheticMac();
    const enrolled = await Promise.allSettled(
      [a, b].map(({ urls }) => SyntheticAgent.enrol(urls.enrolUrl, token, mac)),
    );
    // Two keys for one Mac: the second one to come finds it enrolled.
    const refused = enrolled.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    expect(refused).toEqual([expect.stringContaining('ENROL_HOST_HAS_CERTIFICATE')]);
    const [one] = enrolled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const valid = await sql(`SELECT 1 FROM certificate WHERE host_id = '${one?.hostId}' AND revoked_at IS NULL`);
    expect(valid).toHaveLength(1);
  });

  it('fence an older session on the other one at once', async () => {
    const [original] = agents;
    if (original === undefined) throw new Error('no agent');
    const clone = new SyntheticAgent(original.identity, original.mac);
    clone.start([b.urls.agentUrl]);
    await waitFor(() => original.lastEnd === 'SESSION_FENCED');
    await clone.stop();
    await waitFor(() => original.connectedTo !== null);
  });

  it('lose one by kill -9: its agents move, and work goes on', async () => {
    const { apiUrl } = a.urls;
    const rollout = applyQuota(a, 'lab', 128);
    await rollout;
    await a.kill();
    await waitFor(() => agents.every(({ connectedTo }) => connectedTo === b.urls.agentUrl), SLOW_MS);
    await waitForValue(() => readyFor(sql, 128), AGENTS, SLOW_MS);
    await expect(fetch(`${apiUrl}/healthz`)).rejects.toThrow();
    await expectEachJobOnce();
    a = await start('a');
  });

  it('go on when Redis is emptied again and again in the middle', async () => {
    let applying = true;
    const emptying = (async () => {
      while (applying) await redis.command('flushall');
    })();
    await applyQuota(a, 'lab', 64);
    await waitForValue(() => readyFor(sql, 64), AGENTS, SLOW_MS);
    applying = false;
    await emptying;
    await expectEachJobOnce();
  });

  it('go on without Redis, only slower: agents hear of work when they check in', async () => {
    await redis.kill();
    await applyQuota(b, 'lab', 32);
    const readyAfterCheckIn = () => {
      for (const agent of agents) agent.wake();
      return readyFor(sql, 32);
    };
    await waitForValue(readyAfterCheckIn, AGENTS, SLOW_MS);
    await redis.start();
    await waitFor(() => [a, b].every(({ log }) => log.includes('the bus in Redis is back')));
    await expectEachJobOnce();
  });

  it('revoke an exception once, whoever is asked', async () => {
    const { items } = await a.call<{ items: { id: string }[] }>('GET', '/api/v1/exceptions');
    const answers = await outcomes([a, b], 'POST', `/api/v1/exceptions/${items[0]?.id}/revoke`, {});
    expect(answers).toEqual([expect.stringMatching(/^20/), '409 CONFLICT']);
  });

  it('refuse one without Redis beside them, and one with keys of its own, with the reason', async () => {
    const DATABASE_URL = urlOf(postgres.address);
    const refusals = await Promise.all([
      ControllerProcess.refused({ stateDir: join(folder, 'c'), env: { DATABASE_URL } }),
      ControllerProcess.refused({ stateDir: join(folder, 'd'), env: { DATABASE_URL, REDIS_URL: redis.url } }),
    ]);
    expect(refusals.map(({ code, stderr }) => [code, stderr])).toEqual([
      [1, expect.stringMatching(/together with others through Redis/)],
      [1, expect.stringMatching(/keys.*--keys-dir/s)],
    ]);
  });
});

/** Status and code of the same call to all of them at the same time, sorted. */
async function outcomes(controllers: readonly ControllerProcess[], method: string, path: string, body: object) {
  const calls = controllers.map((controller) => controller.status(method, path, body));
  return (await Promise.all(calls)).sort();
}
