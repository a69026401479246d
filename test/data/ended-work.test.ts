/** What is over goes when its time has come; what something still rests on stays, and every lowering can be traced to its grant. */
import type { Plan } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { EndedWork } from '../../apps/controller/src/data/ended-work.ts';
import { OldCertificates } from '../../apps/controller/src/data/old-certificates.ts';
import { readLowerings } from '../../apps/controller/src/exceptions/ledger.ts';
import {
  KC,
  KDK,
  kcStagedFacts,
  kdkReadyFacts,
  raisedFacts,
  stockFacts,
} from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, finishJob, itemsOf, openTestApi, report, type TestApi } from '../api/support.ts';

const DAY = 86_400_000;
const KEPT = { workDays: 400 };
let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test?.stop());

const prisma = () => test.database.prisma;
const daysAgo = (days: number) => new Date(test.clock.now().getTime() - days * DAY);

/** All of a pass; how many steps it took. */
async function pass(now = test.clock.now(), kept = KEPT, work = new EndedWork(test.database, kept)): Promise<number> {
  let steps = 1;
  while (await work.step(now, true)) steps += 1;
  return steps;
}

interface JobGiven {
  readonly kind?: string;
  readonly state?: string;
  readonly leaseNumber?: number;
  readonly result?: object;
}

let generation = 0n;

/** A plan that ended so many days ago, with its jobs. Later ones are newer. */
async function plan(
  hostId: string,
  days: number,
  {
    state = 'done',
    jobs = [{}],
    grantId = null as string | null,
  }: { state?: string; jobs?: JobGiven[]; grantId?: string | null } = {},
): Promise<string> {
  const { siteId } = test.database;
  const at = daysAgo(days);
  const id = uuidv7(at.getTime());
  generation += 1n;
  const times = { createdAt: at, ...(state !== 'open' && { endedAt: at }) };
  const bytes = Buffer.from('{"steps":[]}');
  await prisma().plan.create({
    data: {
      id,
      siteId,
      hostId,
      generation,
      intentNumber: 1,
      bytes,
      signature: Buffer.alloc(0),
      state,
      grantId,
      ...times,
    },
  });
  for (const [stepIndex, { kind = 'collect_facts', state: end = 'succeeded', ...rest }] of jobs.entries())
    await prisma().job.create({
      data: {
        id: uuidv7(at.getTime()),
        ...{ siteId, hostId, planId: id, lane: 'plan', stepIndex, kind, state: end, createdAt: at, finishedAt: at },
        ...rest,
      },
    });
  return id;
}

const isThere = async (id: string) => (await prisma().plan.count({ where: { id } })) === 1;

/** Of plans by name, those that are still there. */
async function left(plans: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, id] of Object.entries(plans)) if (await isThere(id)) found.push(name);
  return found;
}

describe('plans and their jobs', () => {
  it('go when they ended long enough ago; the newest, and the newest that was done, stay', async () => {
    const host = await addMac(test);
    const plans = {
      done: await plan(host, 900),
      failed: await plan(host, 800, { state: 'failed', jobs: [{ state: 'failed', leaseNumber: 3 }] }),
      lastDone: await plan(host, 700),
      superseded: await plan(host, 600, { state: 'superseded', jobs: [{ state: 'cancelled' }] }),
      young: await plan(host, 399, { state: 'failed', jobs: [{ state: 'dead' }] }),
      open: await plan(host, 390, { state: 'open', jobs: [] }),
    };
    const old = await prisma().job.findMany({
      where: { planId: { in: [plans.done, plans.failed, plans.superseded] } },
    });
    await pass();
    expect(await left(plans)).toEqual(['lastDone', 'young', 'open']);
    expect(old).toHaveLength(3);
    expect(await prisma().job.count({ where: { id: { in: old.map(({ id }) => id) } } })).toBe(0);
    expect(await prisma().job.count({ where: { hostId: host } })).toBe(2);
  });

  it('stay while they are all that a Mac has', async () => {
    const host = await addMac(test);
    const only = await plan(host, 5000, { state: 'failed' });
    await pass();
    expect(await isThere(only)).toBe(true);
  });

  it('with a job that is not over stay', async () => {
    const host = await addMac(test);
    const held = await plan(host, 900, { state: 'cancelled', jobs: [{ state: 'cancelling', leaseNumber: 1 }] });
    await plan(host, 500);
    await pass();
    expect(await isThere(held)).toBe(true);
    await prisma().job.updateMany({ where: { planId: held }, data: { state: 'cancelled' } });
    await pass();
    expect(await isThere(held)).toBe(false);
  });

  it('that lowered a Mac stay for ever; of tries that did not, the last under each grant', async () => {
    const host = await addMac(test);
    const [one, two] = [uuidv7(), uuidv7()];
    const kit = (state: string, leaseNumber: number): JobGiven => ({ kind: 'place_kit', state, leaseNumber });
    const failed = (grantId: string | null, leaseNumber = 1) => ({
      state: 'failed',
      grantId,
      jobs: [{}, kit('failed', leaseNumber)],
    });
    const plans = {
      placed: await plan(host, 3000, { grantId: one, jobs: [{}, kit('succeeded', 2)] }),
      tried: await plan(host, 2900, failed(one)),
      neverHandedOut: await plan(host, 2800, failed(one, 0)),
      triedLast: await plan(host, 2700, failed(one)),
      underAnother: await plan(host, 2600, failed(two)),
      ofAnEarlierRelease: await plan(host, 2500, failed(null)),
      argumentsSet: await plan(host, 2400, {
        grantId: one,
        jobs: [{ kind: 'set_boot_args', state: 'succeeded', leaseNumber: 1 }],
      }),
      looked: await plan(host, 2300),
      newest: await plan(host, 1),
    };
    await pass();
    expect(await left(plans)).toEqual([
      ...['placed', 'triedLast', 'underAnother', 'ofAnEarlierRelease', 'argumentsSet', 'newest'],
    ]);
    expect(await prisma().job.count({ where: { planId: plans.placed } })).toBe(2);
  });

  it('stay with the last four collections that the Mac built', async () => {
    const host = await addMac(test);
    const built = (days: number) => plan(host, days, { jobs: [{ kind: 'build_kc', result: { uuid: String(days) } }] });
    const plans: Record<string, string> = {};
    for (const days of [905, 904, 903, 902, 901, 900]) plans[`${days} days`] = await built(days);
    // One that says nothing of what it built is none.
    plans['mute'] = await plan(host, 800, { jobs: [{ kind: 'build_kc' }] });
    plans['newest'] = await plan(host, 700);
    await pass();
    expect(await left(plans)).toEqual(['903 days', '902 days', '901 days', '900 days', 'newest']);
  });

  it('jobs of the care lane go as well', async () => {
    const host = await addMac(test);
    const { siteId } = test.database;
    const care = async (days: number, state: string) => {
      const at = daysAgo(days);
      const row = { id: uuidv7(at.getTime()), siteId, hostId: host, lane: 'care', stepIndex: 0, kind: 'collect_facts' };
      await prisma().job.create({ data: { ...row, state, createdAt: at, finishedAt: state === 'queued' ? null : at } });
    };
    await care(500, 'succeeded');
    await care(450, 'queued');
    await care(300, 'succeeded');
    await pass();
    const rest = await prisma().job.findMany({ where: { hostId: host }, orderBy: { id: 'asc' } });
    expect(rest.map(({ state }) => state)).toEqual(['queued', 'succeeded']);
  });
});

describe('visits', () => {
  async function visit(hostId: string, days: number, kind: string, state = 'closed', opened = true): Promise<string> {
    const at = daysAgo(days);
    const id = uuidv7(at.getTime());
    const times = { createdAt: at, ...(state !== 'due' && { closedAt: at }) };
    const row = { id, siteId: test.database.siteId, hostId, kind, state, reason: 'test', ...times };
    // A cancelled visit forgets its opening, and remembers that there was one.
    const openedAt = state === 'withdrawn' ? null : at;
    await prisma().visit.create({ data: { ...row, ...(opened && { openedAt, lastOpenedAt: at }) } });
    return id;
  }
  const kinds = async (hostId: string) =>
    (await prisma().visit.findMany({ where: { hostId }, orderBy: { id: 'asc' } })).map(
      ({ kind, createdAt }) => `${kind} ${Math.round((test.clock.now().getTime() - createdAt.getTime()) / DAY)}`,
    );

  it('go when they are over, but for raises that were opened and the newest', async () => {
    const host = await addMac(test);
    await visit(host, 1000, 'raise');
    await visit(host, 990, 'raise', 'withdrawn');
    await visit(host, 980, 'raise', 'withdrawn', false);
    await visit(host, 970, 'revert');
    await visit(host, 960, 'recover');
    await visit(host, 500, 'revert');
    await pass();
    expect(await kinds(host)).toEqual(['raise 1000', 'raise 990', 'revert 500']);
  });

  it('of restarts the last that reached the Mac stays: it is evidence', async () => {
    const host = await addMac(test);
    await visit(host, 1000, 'restart');
    await visit(host, 990, 'restart');
    await visit(host, 980, 'restart', 'withdrawn');
    await visit(host, 970, 'restart', 'closed', false);
    await visit(host, 960, 'revert');
    await pass();
    expect(await kinds(host)).toEqual(['restart 990', 'restart 980', 'revert 960']);
    await visit(host, 940, 'raise');
    await pass();
    expect(await kinds(host)).toEqual(['raise 940']);
  });

  it('a raise that nobody opened stays when its kit was placed', async () => {
    const host = await addMac(test);
    const placed = await visit(host, 1000, 'raise', 'withdrawn', false);
    await visit(host, 999, 'raise', 'withdrawn', false);
    await visit(host, 998, 'revert');
    const id = await plan(host, 1000, { jobs: [{}, { kind: 'place_kit', leaseNumber: 1 }], grantId: uuidv7() });
    const bytes = Buffer.from(JSON.stringify({ steps: [{}, { kind: 'place_kit', visitId: placed }] }));
    await prisma().plan.update({ where: { id }, data: { bytes } });
    await pass();
    expect(await kinds(host)).toEqual(['raise 1000', 'revert 998']);
  });
});

describe('rollouts and their targets', () => {
  interface RolloutGiven {
    readonly state?: string;
    readonly targets: Readonly<Record<string, string>>;
    readonly revisionId?: string;
    readonly exceptionId?: string;
  }

  async function rollout(days: number, { state = 'finished', targets, ...rest }: RolloutGiven): Promise<string> {
    const { siteId } = test.database;
    const at = daysAgo(days);
    const id = uuidv7(at.getTime());
    const over = state === 'finished' || state === 'superseded';
    await prisma().rollout.create({
      data: { id, siteId, state, createdBy: 'test', createdAt: at, ...(over && { finishedAt: at }), ...rest },
    });
    for (const [hostId, target] of Object.entries(targets))
      await prisma().rolloutTarget.create({ data: { rolloutId: id, hostId, siteId, state: target } });
    return id;
  }
  const there = async (id: string) => [
    await prisma().rollout.count({ where: { id } }),
    await prisma().rolloutTarget.count({ where: { rolloutId: id } }),
  ];

  it('go with all their targets once they are over, and not before', async () => {
    const [a, b] = [await addMac(test), await addMac(test)];
    const old = await rollout(900, { targets: { [a]: 'succeeded', [b]: 'skipped' } });
    const superseded = await rollout(800, { state: 'superseded', targets: { [a]: 'superseded' } });
    const halted = await rollout(700, { state: 'halted', targets: { [a]: 'pending' } });
    const young = await rollout(300, { targets: { [b]: 'succeeded' } });
    await pass();
    expect([await there(old), await there(superseded)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect([await there(halted), await there(young)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect((await test.call('GET', `/api/v1/rollouts/${old}`)).status).toBe(404);
  });

  it('stay while an intent is theirs, and while a Mac is led back by them to be retired', async () => {
    const [a, b] = [await addMac(test), await addMac(test)];
    const set = await rollout(900, { targets: { [a]: 'succeeded' } });
    await prisma().intent.update({ where: { hostId: a }, data: { rolloutId: set } });
    const back = await rollout(900, { targets: { [b]: 'succeeded' } });
    await prisma().host.update({ where: { id: b }, data: { retireAskedAt: daysAgo(900), retireRolloutId: back } });
    await pass();
    expect([await there(set), await there(back)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    await prisma().intent.update({ where: { hostId: a }, data: { rolloutId: uuidv7() } });
    await prisma().host.update({ where: { id: b }, data: { retireAskedAt: null, retireRolloutId: null } });
    await pass();
    expect([await there(set), await there(back)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('of an exception, and of the revision that it allows, stay until its end is carried out', async () => {
    const host = await addMac(test);
    const at = daysAgo(900);
    const [exceptionId, revisionId] = [uuidv7(at.getTime()), uuidv7()];
    const text = { purpose: 'p', reason: 'r', clauseVersion: '1', shownTextSha256: 'ab', approver: 'token:a' };
    await prisma().riskException.create({
      data: {
        ...{ id: exceptionId, siteId: test.database.siteId, policyRevisionId: revisionId, approvals: 'self', ...text },
        ...{ createdAt: at, expiresAt: daysAgo(810) },
      },
    });
    const under = await rollout(900, { targets: { [host]: 'succeeded' }, revisionId });
    const end = await rollout(810, { targets: { [host]: 'succeeded' }, exceptionId });
    await pass();
    expect([await there(under), await there(end)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    await prisma().riskException.update({ where: { id: exceptionId }, data: { endedAt: daysAgo(809) } });
    await pass();
    expect([await there(under), await there(end)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('stay while an older one that did not do all its Macs could be tried again', async () => {
    const [a, b] = [await addMac(test), await addMac(test)];
    const older = await rollout(900, { targets: { [a]: 'failed', [b]: 'succeeded' } });
    await prisma().intent.update({ where: { hostId: b }, data: { rolloutId: older } });
    const newer = await rollout(800, { targets: { [a]: 'succeeded' } });
    await pass();
    expect(await there(newer)).toEqual([1, 1]);
    const retried = await test.call('POST', `/api/v1/rollouts/${older}/retry`, { body: {} });
    expect([retried.status, retried.body['code']]).toEqual([409, 'CONFLICT']);
  });
});

describe('witnesses', () => {
  it('go with the time, but for the newest of a Mac and the newest count of each pair', async () => {
    const hostId = await addMac(test);
    const witness = async (days: number, build: string | null) => {
      const at = daysAgo(days);
      const id = uuidv7(at.getTime());
      const counted = build === null ? {} : { build, variant: 'T6020', countedAt: at };
      const told = { macosGuests: 3, source: 'orchard', saidBy: 'token:tool', at, bootSessionId: id };
      await prisma().witness.create({ data: { id, siteId: test.database.siteId, hostId, ...told, ...counted } });
      return id;
    };
    const gone = [await witness(900, '23F79'), await witness(700, null)];
    const kept = [await witness(800, '23F79'), await witness(600, '23G80'), await witness(300, null)];
    await pass();
    const left = await prisma().witness.findMany({ where: { hostId }, orderBy: { id: 'asc' } });
    expect(left.map(({ id }) => id)).toEqual([...kept].sort());
    expect(gone.some((id) => kept.includes(id))).toBe(false);
    await pass(new Date(test.clock.now().getTime() + 5000 * DAY));
    expect(await prisma().witness.count({ where: { hostId } })).toBe(3);
  });
});

describe('certificates', () => {
  it('go once they have been over for as long; the newest of each Mac stays, and nothing goes by a clock that jumped', async () => {
    const hostId = await addMac(test);
    const certificate = async (serial: string, issued: number, ended: number) => {
      const times = { issuedAt: daysAgo(issued), notAfter: daysAgo(ended) };
      const row = { siteId: test.database.siteId, hostId, publicKeySha256: serial, pem: 'x', ...times };
      await prisma().certificate.create({ data: { serial, ...row } });
    };
    await certificate('e1', 900, 500);
    await certificate('e2', 800, 401);
    await certificate('e3', 700, 399);
    const serials = async () =>
      (await prisma().certificate.findMany({ where: { hostId }, orderBy: { serial: 'asc' } })).map(
        ({ serial }) => serial,
      );
    const old = new OldCertificates(test.database, KEPT);
    await old.sweepOnce(test.clock.now(), false);
    expect(await serials()).toEqual(['e1', 'e2', 'e3']);
    await old.sweepOnce(test.clock.now(), true);
    expect(await serials()).toEqual(['e3']);
    await new OldCertificates(test.database, KEPT).sweepOnce(new Date('2099-01-01'), true);
    expect(await serials(), 'the last that it had').toEqual(['e3']);
    const audits = await prisma().audit.findMany({ where: { action: 'history.remove', entityId: 'certificate' } });
    expect(audits.map(({ after }) => after)).toEqual([expect.objectContaining({ certificates: 2, keptDays: 400 })]);
  });
});

describe('a pass', () => {
  it('goes on in bounded steps, is audited, and is done once a day', async () => {
    const host = await addMac(test);
    const { siteId, pool } = test.database;
    const first = daysAgo(2000);
    const count = 1100;
    const ids = Array.from({ length: count }, (_, n) => uuidv7(first.getTime() + n));
    await pool.query(
      `INSERT INTO plan (id, site_id, host_id, generation, intent_number, bytes, signature, state, created_at, ended_at)
       SELECT p.id, $2, $3, p.n, 1, '', '', 'failed', $4, $4 FROM unnest($1::uuid[]) WITH ORDINALITY AS p(id, n)`,
      [ids, siteId, host, first],
    );
    await pool.query(
      `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, created_at, finished_at)
       SELECT id, $2, $3, id, 'plan', 0, 'collect_facts', 'failed', $4, $4 FROM unnest($1::uuid[]) AS p(id)`,
      [ids, siteId, host, first],
    );
    generation = 10_000n;
    await plan(host, 1);
    const removals = () => prisma().audit.findMany({ where: { action: 'history.remove', entityId: 'plan' } });
    const known = new Set((await removals()).map(({ id }) => id));
    const leftOf = () => prisma().plan.count({ where: { hostId: host } });
    const [one, two] = [new EndedWork(test.database, KEPT), new EndedWork(test.database, KEPT)];
    const now = test.clock.now();
    const seen: number[] = [];
    for (let goesOn = true; goesOn && seen.at(-1) !== 1; seen.push(await leftOf())) goesOn = await one.step(now, true);
    for (const [index, rows] of seen.entries()) expect((seen[index - 1] ?? count + 1) - rows).toBeLessThanOrEqual(500);
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(await prisma().job.count({ where: { hostId: host } })).toBe(1);
    const audits = (await removals()).filter(({ id }) => !known.has(id));
    const said = audits.map(({ after }) => after as { plans: number; jobs: number; keptDays: number });
    expect(said.reduce((sum, { plans }) => sum + plans, 0)).toBe(count);
    expect(said[0]).toMatchObject({ keptDays: 400, endedBefore: daysAgo(400).toISOString() });
    // Another controller finds nothing left, and this one is done for the day.
    await pass(now, KEPT, two);
    while (await one.step(now, true));
    expect(await one.step(new Date(now.getTime() + DAY - 1), true)).toBe(false);
    expect(await one.step(new Date(now.getTime() + DAY), true)).toBe(true);
  });

  it('is none while the clock is not trusted, and ends when it jumps', async () => {
    const host = await addMac(test);
    const old = await plan(host, 900);
    await plan(host, 1);
    const work = new EndedWork(test.database, KEPT);
    expect(await work.step(test.clock.now(), false)).toBe(false);
    expect(await isThere(old)).toBe(true);
    expect(await work.step(test.clock.now(), true)).toBe(true);
    expect(await work.step(new Date('2099-01-01'), false)).toBe(false);
  });
});

describe('years after a raise that still holds', () => {
  /** As its agent and a person in recoveryOS lead it there. */
  async function raisedMac(): Promise<string> {
    const { siteId } = test.database;
    await prisma().kdk.create({
      data: { ...KDK, sizeBytes: 8n, id: uuidv7(), siteId, addedBy: 'system:test', addedAt: test.clock.now() },
    });
    const label = 'for-years';
    const host = await addMac(test, { labels: [label], facts: stockFacts() });
    const body = { name: label, quota: 255, selector: { labels: [label] }, exception: EXCEPTION, apply: true };
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
    await test.sweep();
    await finishJob(test, host, {}, kdkReadyFacts());
    await finishJob(test, host, KC, kcStagedFacts());
    const { bytes } = await prisma().plan.findFirstOrThrow({ where: { hostId: host } });
    const { steps, grant } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan;
    const step = steps.find(({ kind }) => kind === 'place_kit') as { visitId: string; quota: number };
    const { expiresAt } = JSON.parse(grant?.payload ?? '') as { expiresAt: string };
    const { visitId, quota } = step;
    const sums = { kcMd5: KC.md5, kcSha256: KC.sha256, expiresAt };
    const visitKit = { visitId, quota, kcSha256: KC.sha256, complete: true };
    await finishJob(test, host, { visitId, path: '/Library/Headroom', ...sums }, { ...kcStagedFacts(), visitKit });
    await test.sweep();
    expect((await test.call('POST', `/api/v1/visits/${visitId}/open`, { role: 'technician' })).status).toBe(200);
    test.clock.advance(60_000);
    await prisma().hostReport.update({ where: { hostId: host }, data: { bootSessionId: 'SESSION-2' } });
    await report(test, host, raisedFacts(), true);
    await test.sweep();
    return host;
  }

  it('all that it rests on is there, its lowering is traced, and what was done since is gone', async () => {
    const host = await raisedMac();
    const shown = async () => {
      await report(test, host, raisedFacts());
      await test.sweep();
      const { body: view } = await test.call('GET', `/api/v1/hosts/${host}`);
      const { body: why } = await test.call('GET', `/api/v1/hosts/${host}/explain`);
      const ledger = itemsOf((await test.call('GET', '/api/v1/exceptions/ledger')).body);
      return {
        state: view['state'],
        evidence: view['evidence'],
        visit: view['visit'],
        findings: itemsOf(view, 'findings').map(({ code }) => code),
        intent: view['intent'],
        why: why['why'],
        ledger: ledger
          .filter(({ hostId }) => String(hostId) === host)
          .map(({ grantId, lowerings, lastLoweringAt }) => [grantId, lowerings, lastLoweringAt]),
        lowerings: (await readLowerings(test.database)).filter(({ hostId }) => hostId === host),
        jobs: itemsOf((await test.call('GET', `/api/v1/jobs?host=${host}`)).body).map(({ kind }) => kind),
      };
    };
    generation = 100n;
    const since = [await plan(host, 0, { state: 'failed', jobs: [{ kind: 'set_boot_args', state: 'refused' }] })];
    for (let n = 0; n < 3; n += 1) since.push(await plan(host, 0));
    const { jobs: jobsBefore, ...before } = await shown();
    expect(before).toMatchObject({ state: 'raised', lowerings: [{ kind: 'place_kit', traced: true }] });
    expect(before.ledger).toEqual([[before.lowerings[0]?.grantId, 1, expect.any(String)]]);
    await pass(new Date(test.clock.now().getTime() + 3 * 365 * DAY), { workDays: 30 });
    const { jobs, ...after } = await shown();
    expect(after).toEqual(before);
    expect([jobsBefore.length, jobs]).toEqual([7, ['collect_facts', 'place_kit', 'build_kc', 'install_kdk']]);
    expect(await prisma().plan.count({ where: { id: { in: since } } })).toBe(1);
  });
});
