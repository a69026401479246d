// Goal: a part of the sweep that fails, for whatever reason, starves no other, and is seen by its name until it works again.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, openTestApi, type ReplyBody, type TestApi } from '../api/support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await run(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'broken on purpose' USING ERRCODE = '23514'; END $$`);
});
afterEach(async () => {
  for (const table of ['idempotency_key', 'rollout', 'risk_exception'])
    await run(`DROP TRIGGER IF EXISTS broken ON ${table}`);
});
afterAll(() => test.stop());

const run = (sql: string) => test.database.prisma.$executeRawUnsafe(sql);
const round = () => test.health.round(test.api.sweepParts, test.clock);
const failedRounds = async (part: string) =>
  new RegExp(`^headroom_sweep_failed_rounds\\{part="${part}"\\} (\\d+)$`, 'm').exec(
    String((await test.call('GET', '/metrics')).body),
  )?.[1];
const failing = async () => {
  const { status, body } = await test.call('GET', '/readyz', { role: null });
  return [status, (body['failing'] as unknown as readonly ReplyBody[]).map(({ part }) => String(part))];
};

/** A policy for a Mac of its own; its rollout is left as the order of things leaves it. */
async function give(name: string) {
  const hostId = await addMac(test, { labels: [name], facts: stockFacts() });
  const body = { name, quota: 255, selector: { labels: [name] }, exception: EXCEPTION, apply: true };
  const made = await test.call('POST', '/api/v1/policies', { body });
  expect(made.status).toBe(201);
  return { hostId, rolloutId: String(made.body['rolloutId']), exceptionId: String(made.body['exceptionId']) };
}

const quotaOf = async (hostId: string) =>
  (await test.database.prisma.intent.findUniqueOrThrow({ where: { hostId } })).quota;
const exceptionOf = (id: string) => test.database.prisma.riskException.findUniqueOrThrow({ where: { id } });

describe('a part of the sweep that fails', () => {
  it('leaves all later ones their turn, and is named by metric and /readyz until it works', async () => {
    const mac = await addMac(test, { facts: stockFacts() });
    await run('CREATE TRIGGER broken BEFORE DELETE ON idempotency_key EXECUTE FUNCTION broken()');
    await round();
    expect((await test.call('GET', `/api/v1/hosts/${mac}`)).body).toMatchObject({ state: 'not_started' });
    expect([await failedRounds('repeated requests'), await failedRounds('evaluator')]).toEqual(['1', '0']);
    expect(await failing()).toEqual([200, []]);
    await round();
    await round();
    expect(await failing()).toEqual([200, ['repeated requests']]);
    await run('DROP TRIGGER broken ON idempotency_key');
    await round();
    expect(await failing()).toEqual([200, []]);
    expect(await failedRounds('repeated requests')).toBe('0');
  });
});

describe('one of many that a part of the sweep works on', () => {
  it('a rollout that cannot be opened keeps back no other, and no answer to somebody else', async () => {
    const first = await give(`first-${uuidv7()}`);
    await test.database.prisma.rolloutTarget.updateMany({
      where: { rolloutId: first.rolloutId },
      data: { state: 'pending' },
    });
    await test.database.prisma.rollout.update({
      where: { id: first.rolloutId },
      data: { state: 'running', finishedAt: null, reviewAt: test.clock.now() },
    });
    await run(`CREATE TRIGGER broken BEFORE UPDATE ON rollout FOR EACH ROW
      WHEN (NEW.id = '${first.rolloutId}') EXECUTE FUNCTION broken()`);
    const second = await give(`second-${uuidv7()}`);
    expect(await quotaOf(second.hostId)).toBe(255);
    await round();
    expect(await failedRounds('rollouts')).toBe('1');
    expect(await failedRounds('evaluator')).toBe('0');
    await run('DROP TRIGGER broken ON rollout');
    await test.sweep();
    expect(await failedRounds('rollouts')).toBe('0');
  });

  it('an exception that cannot be ended keeps back no other', async () => {
    const approved = [];
    for (const name of ['a', 'b', 'c']) approved.push((await give(`${name}-${uuidv7()}`)).exceptionId);
    await test.sweep();
    await run(`CREATE TRIGGER broken BEFORE UPDATE ON risk_exception FOR EACH ROW
      WHEN (NEW.id = '${approved[0]}') EXECUTE FUNCTION broken()`);
    const ended = { where: { id: { in: approved } }, data: { revokedAt: test.clock.now() } };
    await run('ALTER TABLE risk_exception DISABLE TRIGGER broken');
    await test.database.prisma.riskException.updateMany(ended);
    await run('ALTER TABLE risk_exception ENABLE TRIGGER broken');
    await round();
    const ends = await Promise.all(approved.map(async (id) => (await exceptionOf(id)).endedAt !== null));
    expect(ends).toEqual([false, true, true]);
    expect(await failedRounds('ends of exceptions')).toBe('1');
    await run('DROP TRIGGER broken ON risk_exception');
    await test.sweep();
    expect((await exceptionOf(approved[0] ?? '')).endedAt).not.toBeNull();
  });

  it('two controllers that end the same things at once are no failure', async () => {
    const { exceptionId } = await give(`race-${uuidv7()}`);
    await test.sweep();
    await test.database.prisma.riskException.update({
      where: { id: exceptionId },
      data: { approver: 'token:gone' },
    });
    const gone = { name: 'gone', role: 'admin', secretSha256: 'ab'.repeat(32) };
    const { siteId } = test.database;
    const at = test.clock.now();
    await test.database.prisma.apiToken.create({
      data: { id: uuidv7(), siteId, ...gone, createdAt: at, revokedAt: at },
    });
    const part = test.api.sweepParts.find(({ name }) => name === 'approvers that are gone');
    await Promise.all([part?.run(at), part?.run(at), part?.run(at)]);
    expect(await exceptionOf(exceptionId)).toMatchObject({ revokedBy: 'system:exceptions' });
    expect(
      await test.database.prisma.audit.count({ where: { action: 'exception.revoke', entityId: exceptionId } }),
    ).toBe(1);
  });
});
