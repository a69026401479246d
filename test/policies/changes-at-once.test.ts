// Goal: whatever changes the same Macs at once, none is refused as another was in its way.
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { addMac, EXCEPTION, openTestApi, type TestApi } from '../api/support.ts';
import { waitFor } from '../support/wait-for.ts';
import { doors } from './support.ts';

let test: TestApi;
let holder: pg.PoolClient;
beforeAll(async () => {
  test = await openTestApi();
  holder = await test.database.pool.connect();
});
afterEach(() => holder.query('ROLLBACK'));
afterAll(async () => {
  holder?.release();
  await test?.stop();
});

const { post } = doors(() => test);
const sql = (text: string, ...values: readonly unknown[]) => test.database.look(text, ...values);
const call = async (method: string, path: string, body?: object) => {
  const { status, body: reply } = await test.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
  return status < 500 ? 'done' : `${status} ${String(reply['detail'])}`;
};
const done = (work: Promise<unknown>) => work.then(() => 'done', String);

let policies = 0;
/** A rollout of its own for these Macs; with a gate, it waits for a person. */
async function rollout(macs: readonly string[], more: object = {}) {
  policies += 1;
  const selector = { hosts: macs };
  const body = { name: `p-${policies}`, priority: policies, quota: 8, selector, exception: EXCEPTION, apply: true };
  return String((await post('/policies', { ...body, ...more }))['rolloutId']);
}
const GATED = { strategy: { rings: [{ name: 'all', take: { kind: 'rest' }, gate: 'manual' }] } };
const newPolicy = (macs: readonly string[]) => () => rollout(macs).then(() => 'done', String);

/** Starts each while somebody holds the target of a Mac, one after the other, and lets go once all of them wait, or are done. */
async function meeting(mac: string, works: readonly (() => Promise<string>)[]): Promise<readonly string[]> {
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM rollout_target WHERE host_id = $1 FOR UPDATE', [mac]);
  const started: Promise<string>[] = [];
  let ended = 0;
  for (const work of works) {
    started.push(
      work().finally(() => {
        ended += 1;
      }),
    );
    await waitFor(async () => {
      const waiting = await sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
      return waiting.length + ended === started.length;
    });
  }
  await holder.query('COMMIT');
  return Promise.all(started);
}

const macs = (count: number, labels: readonly string[] = []) =>
  Promise.all(Array.from({ length: count }, () => addMac(test, { labels }))).then((ids) => ids.sort());

it('the evaluator notes targets that a new policy takes over', async () => {
  const [one = '', two = '', three = ''] = await macs(3);
  await rollout([one, two, three]);
  await test.sweep();
  await sql(`UPDATE rollout_target SET reason = 'outdated' WHERE host_id = ANY($1)`, [one, two, three]);
  await sql('UPDATE host_state SET due_at = $2 WHERE host_id = ANY($1)', [one, two, three], test.clock.now());
  const works = [() => done(test.api.evaluatorLoop.drain()), newPolicy([one, two, three])];
  expect(await meeting(two, works)).toEqual(['done', 'done']);
});

it('a rollout gives up a Mac and opens the next, of those that a new policy takes over', async () => {
  const [one = '', two = ''] = await macs(2);
  const strategy = {
    rings: [{ name: 'all', take: { kind: 'rest' }, errorAt: null }],
    concurrency: { total: 1 },
    stuckAfter: { workMinutes: 1, visitMinutes: null },
  };
  const id = await rollout([one, two], { strategy });
  await sql(
    `UPDATE rollout_target SET state = 'pending', opened_at = NULL WHERE rollout_id = $1 AND host_id = $2`,
    id,
    one,
  );
  const opened = `UPDATE rollout_target SET state = 'opened', opened_at = $3 WHERE rollout_id = $1 AND host_id = $2`;
  await sql(opened, id, two, test.clock.now());
  test.clock.advance(120_000);
  const works = [newPolicy([one, two]), () => done(test.api.rollouts.openDue(test.clock.now()))];
  expect(await meeting(one, works)).toEqual(['done', 'done']);
});

it('a person takes the last Mac out of a rollout that a new policy empties', async () => {
  const [one = ''] = await macs(1);
  const id = await rollout([one], GATED);
  await post(`/rollouts/${id}/pause`);
  const works = [newPolicy([one]), () => call('POST', `/rollouts/${id}/hosts/${one}/skip`)];
  expect(await meeting(one, works)).toEqual(['done', 'done']);
});

it('a Mac is forgotten whose changed labels are looked at', async () => {
  const [one = ''] = await macs(1, ['leaves']);
  await rollout([], { selector: { labels: ['leaves'] }, ...GATED });
  await call('DELETE', `/hosts/${one}/labels/leaves`);
  const relabelled = test.api.sweepParts.find(({ name }) => name === 'changed labels');
  const works = [
    () => call('POST', `/hosts/${one}/forget`, { reason: 'stolen' }),
    () => done(Promise.resolve(relabelled?.run(test.clock.now()))),
  ];
  expect(await meeting(one, works)).toEqual(['done', 'done']);
});
