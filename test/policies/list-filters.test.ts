// Goal: every list takes the one filter language, and Postgres answers as the predicate in core does, empty fields included.
import {
  type FilterTable,
  type FilterValue,
  formatFilter,
  matchesFilter,
  parseFilter,
  type ReadField,
} from '@headroom/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCursor } from '../../apps/controller/src/api/paging.ts';
import { AUDIT_FIELDS } from '../../apps/controller/src/audit/routes.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import {
  EXCEPTION_FIELDS,
  EXCEPTION_TABLES,
  exceptionTimes,
} from '../../apps/controller/src/exceptions/exception-filter.ts';
import { exceptionState } from '../../apps/controller/src/exceptions/exception-view.ts';
import { type FilterSql, filterSql } from '../../apps/controller/src/filters/filter-sql.ts';
import { type ListFields, listCondition, listedPage } from '../../apps/controller/src/filters/list-filter.ts';
import { JOB_FIELDS, JOB_TABLES } from '../../apps/controller/src/jobs/job-filter.ts';
import { POLICY_FIELDS, POLICY_TABLES } from '../../apps/controller/src/policies/policy-filter.ts';
import {
  ROLLOUT_FIELDS,
  ROLLOUT_TABLES,
  TARGET_FIELDS,
  TARGET_TABLES,
} from '../../apps/controller/src/rollouts/rollout-filter.ts';
import { VISIT_FIELDS, VISIT_TABLES } from '../../apps/controller/src/visits/visit-filter.ts';
import { arbitraryFilterOf } from '../../packages/core/testing/arbitrary-filter.ts';
import { addMac, itemsOf, openTestApi, type TestApi } from '../api/support.ts';

let test: TestApi;
/** Macs, policies with their revisions, and moments: what rows are made of. */
const macs: string[] = [];
const policies: { readonly id: string; readonly revisions: readonly string[] }[] = [];
const days: Date[] = [];
const NOBODY = '01a00000-0000-7000-8000-000000000000';

type Row = Readonly<Record<string, unknown>>;
interface List {
  readonly path: string;
  readonly fields: ListFields;
  /** Of the same rows; `$1` and so on are those of `own`. */
  readonly from: string;
  readonly id: string;
  readonly own?: FilterSql;
  /** What each row holds, read by Prisma and not by the columns under test. */
  readonly rows: () => Promise<readonly (Row & { readonly id: string })[]>;
  /** A filter for each index that it is to have. */
  readonly indexed: Readonly<Record<string, RegExp>>;
}

const oneOf = <T>(index: number, ...values: readonly T[]): T => values[index % values.length] as T;

beforeAll(async () => {
  test = await openTestApi();
  const { prisma, siteId } = test.database;
  const start = test.clock.now().getTime();
  days.push(...[-40, -10, 0, 10].map((day) => new Date(start + day * 86_400_000)));
  for (let n = 0; n < 3; n += 1) macs.push(await addMac(test));
  await prisma.hostPlace.create({
    data: { hostId: macs[0] ?? '', siteId, location: 'Berlin', updatedAt: days[0] as Date, updatedBy: 'test' },
  });
  for (const [index, name] of ['one', 'two', 'three'].entries()) {
    const id = uuidv7();
    const dates = { archivedAt: oneOf(index, null, days[1] ?? null), createdAt: oneOf(index, ...days) };
    await prisma.policy.create({ data: { id, siteId, name, ...dates } });
    const revisions = [uuidv7(), uuidv7()];
    const more = {
      siteId,
      policyId: id,
      selector: {},
      extraArgs: [],
      createdBy: 'token:anna',
      createdAt: days[0] as Date,
    };
    await prisma.policyRevision.createMany({
      data: revisions.map((one, at) => ({ ...more, id: one, number: at + 1, quota: oneOf(index + at, 2, 8, 255) })),
    });
    if (index > 0) await prisma.policy.update({ where: { id }, data: { appliedRevisionId: revisions[1] ?? null } });
    policies.push({ id, revisions });
  }
  const revisionOf = (index: number) => policies[index % 3]?.revisions[index % 2] ?? '';
  for (let n = 0; n < 24; n += 1) {
    const hostId = oneOf(n, ...macs);
    const createdAt = oneOf(n, ...days);
    const more = { siteId, createdAt };
    await prisma.job.create({
      data: {
        ...more,
        id: uuidv7(),
        hostId,
        planId: oneOf(n, null, NOBODY),
        lane: 'plan',
        stepIndex: 0,
        kind: oneOf(n, 'build_kc', 'place_kit'),
        state: oneOf(n, 'succeeded', 'failed', 'dead'),
        errorCode: oneOf(n, null, 'KC_LINKING', 'DISK_FULL'),
      },
    });
    const overdueAt = oneOf(n, null, days[2] ?? null);
    await prisma.visit.create({
      data: {
        ...more,
        id: uuidv7(),
        hostId,
        kind: oneOf(n, 'raise', 'restart', 'revert'),
        state: n < 3 ? 'due' : oneOf(n, 'closed', 'withdrawn'),
        reason: 'test',
        owner: oneOf(n, null, 'kim', 'a b'),
        dueAt: oneOf(n, null, ...days),
        overdueAt,
      },
    });
    await prisma.riskException.create({
      data: {
        ...more,
        id: uuidv7(),
        policyRevisionId: revisionOf(n),
        purpose: 'test',
        reason: 'test',
        clauseVersion: '2026-11',
        shownTextSha256: '',
        approvals: oneOf(n, 'self', 'four-eyes'),
        approver: oneOf(n, '', 'token:ben'),
        requestedBy: oneOf(n, null, 'token:anna'),
        awaitsApproval: oneOf(n, true, false),
        expiresAt: oneOf(n, days[1] as Date, days[3] as Date),
        revokedAt: oneOf(n, null, null, null, null, days[2] ?? null),
      },
    });
    const rolloutId = uuidv7();
    await prisma.rollout.create({
      data: {
        ...more,
        id: rolloutId,
        revisionId: n % 4 === 0 ? null : revisionOf(n),
        state: oneOf(n, 'finished', 'superseded', 'halted'),
        createdBy: oneOf(n, 'token:anna', 'system:exceptions'),
        exceptionId: oneOf(n, null, NOBODY),
      },
    });
  }
  const [rolloutId = ''] = (await prisma.rollout.findMany({ orderBy: { id: 'asc' } })).map(({ id }) => id);
  for (const [index, hostId] of macs.entries())
    await prisma.rolloutTarget.create({
      data: { rolloutId, hostId, siteId, ring: index, state: oneOf(index, 'failed', 'skipped') },
    });
});
afterAll(() => test.stop());

const VALUES: Readonly<Record<string, () => readonly FilterValue[]>> = {
  uuid: () => [...macs, ...policies.map(({ id }) => id), NOBODY],
  time: () => days.map((day) => day.toISOString()),
  number: () => [0, 1, 2, 8, 255],
  flag: () => [true, false],
  text: () => ['token:anna', 'token:ben', 'kim', 'a b', 'Berlin', 'one', 'KC_LINKING', 'policy.apply', 'nothing of it'],
};
const iso = (value: unknown) => (value instanceof Date ? value.toISOString() : value);

const LISTS: Readonly<Record<string, List>> = {
  jobs: {
    path: '/jobs',
    fields: JOB_FIELDS,
    from: JOB_TABLES,
    id: 'j.id',
    rows: async () =>
      (await test.database.prisma.job.findMany()).map((row) => ({
        ...row,
        host: row.hostId,
        plan: row.planId,
        // None of these has its plan.
        replayable: false,
      })),
    indexed: {
      'kind==build_kc': /job_kind_id_idx/,
      'errorCode==KC_LINKING': /job_error/,
      'createdAt>=2026-11-01': /job_created/,
      'host==01a00000-0000-7000-8000-000000000000': /job_host_id_id_idx/,
      'plan==01a00000-0000-7000-8000-000000000000': /job_plan_id_idx/,
      'state==dead': /job_ended_badly/,
      'replayable==true': /job_ended_badly/,
    },
  },
  visits: {
    path: '/visits',
    fields: VISIT_FIELDS,
    from: VISIT_TABLES,
    id: 'v.id',
    rows: async () => {
      const { prisma } = test.database;
      const places = new Map((await prisma.hostPlace.findMany()).map(({ hostId, location }) => [hostId, location]));
      return (await prisma.visit.findMany()).map((row) => ({
        ...row,
        host: row.hostId,
        location: places.get(row.hostId) ?? null,
        unassigned: row.owner === null,
        overdue: row.overdueAt !== null && ['due', 'open'].includes(row.state),
      }));
    },
    indexed: {
      'kind==raise': /visit_kind_id_idx/,
      'owner==kim': /visit_owner_id_idx/,
      'unassigned==true': /visit_owner_id_idx/,
      'state==due': /visit_(state_id_idx|one_open|waiting_due)/,
      'dueAt<2026-11-01': /visit_due_at_id_idx/,
      'overdue==true': /visit_overdue/,
      'host==01a00000-0000-7000-8000-000000000000': /visit_(host_id|one_open)/,
      'location==Berlin': /host_place_location/,
    },
  },
  rollouts: {
    path: '/rollouts',
    fields: ROLLOUT_FIELDS,
    from: ROLLOUT_TABLES,
    id: 'r.id',
    rows: async () =>
      (await test.database.prisma.rollout.findMany()).map((row) => ({
        ...row,
        policy: policies.find(({ revisions }) => revisions.includes(row.revisionId ?? ''))?.id ?? null,
        exception: row.exceptionId,
      })),
    indexed: {
      'state==halted': /rollout_state_idx/,
      'createdBy==token:anna': /rollout_created_by_idx/,
      'createdAt>=2026-11-01': /rollout_created_at_idx/,
      'exception==01a00000-0000-7000-8000-000000000000': /rollout_exception_id_idx/,
      'policy==01a00000-0000-7000-8000-000000000000': /policy_revision_policy_id/,
    },
  },
  targets: {
    path: '',
    fields: TARGET_FIELDS,
    from: TARGET_TABLES,
    id: 't.host_id',
    rows: async () => {
      const states = await test.database.prisma.hostState.findMany();
      return (await test.database.prisma.rolloutTarget.findMany()).map((row) => ({
        ...row,
        id: row.hostId,
        host: row.hostId,
        hostState: states.find(({ hostId }) => hostId === row.hostId)?.state ?? null,
      }));
    },
    indexed: {},
  },
  exceptions: {
    path: '/exceptions',
    fields: EXCEPTION_FIELDS,
    from: EXCEPTION_TABLES,
    id: 'e.id',
    get own() {
      return exceptionTimes(test.clock.now());
    },
    rows: async () =>
      (await test.database.prisma.riskException.findMany()).map((row) => ({
        ...row,
        state: exceptionState(row, test.clock.now()),
        approver: row.approver === '' ? null : row.approver,
        policy: policies.find(({ revisions }) => revisions.includes(row.policyRevisionId))?.id ?? null,
      })),
    indexed: {},
  },
  audit: {
    path: '/audit',
    fields: AUDIT_FIELDS,
    from: 'audit a',
    id: 'a.id',
    rows: () => test.database.prisma.audit.findMany(),
    indexed: {
      'actor==token:anna': /actor_id_idx/,
      'action==policy.apply': /action_id_idx/,
      'at>=2026-11-01': /audit_\w*_(pkey|at)/,
      'entity==job;entityId==x': /entity_entity_id_id_idx/,
    },
  },
  policies: {
    path: '/policies',
    fields: POLICY_FIELDS,
    from: POLICY_TABLES,
    id: 'p.id',
    rows: async () => {
      const newest = await test.database.prisma.policyRevision.findMany({ where: { number: 2 } });
      return (await test.database.prisma.policy.findMany()).map((row) => ({
        ...row,
        archived: row.archivedAt !== null,
        applied: row.appliedRevisionId !== null,
        quota: newest.find(({ policyId }) => policyId === row.id)?.quota ?? null,
      }));
    },
    indexed: { 'name==one': /policy_name_key/ },
  },
};

describe.each(Object.entries(LISTS))('the list of %s', (_name, list) => {
  const own = () => list.own ?? { sql: 'true', values: [] };

  it('is filtered alike by Postgres and by the predicate in core', async () => {
    const rows = await list.rows();
    expect(rows.length).toBeGreaterThan(2);
    const values = Object.fromEntries(
      Object.entries<FilterTable[string]>(list.fields).map(([name, { type, values: closed, letters }]) => [
        name,
        closed ?? (VALUES[type]?.() ?? []).map((one) => (letters === 'upper' ? String(one).toUpperCase() : one)),
      ]),
    );
    const columns = Object.fromEntries(Object.entries(list.fields).map(([name, { column }]) => [name, column]));
    const seen = { true: 0, false: 0, null: 0 };
    await fc.assert(
      fc.asyncProperty(arbitraryFilterOf(list.fields, values), async (filter) => {
        const text = formatFilter(filter);
        expect(parseFilter(text, list.fields)).toEqual({ ok: true, filter });
        const first = own().values.length + 1;
        const { sql, values: parameters } = filterSql(filter, columns, first);
        const answers = await test.database.prisma.$queryRawUnsafe<{ id: string; answer: boolean | null }[]>(
          `SELECT ${list.id}::text AS id, ${sql} AS answer FROM ${list.from} WHERE ${own().sql}`,
          ...own().values,
          ...parameters,
        );
        const byId = new Map(answers.map(({ id, answer }) => [id, answer]));
        for (const row of rows) {
          const expected = matchesFilter(filter, ((field) => iso(row[field]) ?? null) as ReadField);
          seen[`${expected}`] += 1;
          expect(
            byId.get(row.id),
            `${text} of ${JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? Number(value) : value))}`,
          ).toBe(expected);
        }
      }),
      { numRuns: 40 },
    );
    expect(seen.true).toBeGreaterThan(5);
    expect(seen.false).toBeGreaterThan(5);
  });

  it.each(Object.entries(list.indexed))('has an index for %s', async (text, index) => {
    const { sql, values } = listCondition(list.fields, text, [], 1);
    const plan = await test.database.prisma.$transaction(async (tx) => {
      for (const off of ['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin'])
        await tx.$executeRawUnsafe(`SET LOCAL ${off} = off`);
      return tx.$queryRawUnsafe(`EXPLAIN SELECT ${list.id} FROM ${list.from} WHERE ${sql}`, ...values);
    });
    expect(JSON.stringify(plan)).toMatch(index);
  });
});

describe('over the API', () => {
  const ask = (path: string, filter: string, more = '') =>
    test.call('GET', `/api/v1${path}?limit=200${more}&filter=${encodeURIComponent(filter)}`);
  const paths = Object.values(LISTS).flatMap(({ path }) => (path === '' ? [] : [path]));

  it('each list refuses a field that it does not have, with the list of those that it has', async () => {
    for (const [path, { fields }] of Object.values(LISTS).map((list) => [list.path, list] as const)) {
      if (path === '') continue;
      const refused = await ask(path, 'colour==red');
      expect([path, refused.status, refused.body['code']]).toEqual([path, 400, 'VALIDATION_FAILED']);
      const says = `at position 1: expected a field: ${Object.keys(fields).join(', ')}`;
      expect(String(refused.body['detail'])).toContain(says);
    }
  });

  it('pages hold only what fits, and older query fields narrow it further', async () => {
    const jobs = itemsOf((await ask('/jobs', 'errorCode==kc_linking;createdAt<2099-01-01')).body);
    expect(jobs.length).toBeGreaterThan(3);
    for (const job of jobs) expect(job['error']).toMatchObject({ code: 'KC_LINKING' });
    const some = itemsOf((await ask('/jobs', 'errorCode==KC_LINKING', '&kind=build_kc')).body);
    expect(some.length).toBe(jobs.filter(({ kind }) => String(kind) === 'build_kc').length);
    const first = (await test.call('GET', `/api/v1/rollouts?limit=2&filter=state==halted`)).body;
    const next = await test.call(
      'GET',
      `/api/v1/rollouts?limit=200&filter=state==halted&cursor=${String(first['nextCursor'])}`,
    );
    const all = itemsOf((await ask('/rollouts', 'state==halted')).body).map(({ id }) => String(id));
    expect([...itemsOf(first), ...itemsOf(next.body)].map(({ id }) => String(id))).toEqual(all);
    expect(all).toHaveLength(8);
    const audit = itemsOf((await ask('/audit', 'at>=1999-01-01', '&entity=nothing')).body);
    expect(audit).toEqual([]);
    // A route is whole: it has no pages.
    expect((await test.call('GET', '/api/v1/visit-route?filter=overdue==true')).status).toBe(200);
    const [due] = itemsOf((await ask('/visits', 'overdue==true')).body);
    expect(due).toMatchObject({ state: 'due', overdueSince: expect.any(String) });
    const valid = itemsOf((await ask('/exceptions', 'state==valid')).body);
    expect(new Set(valid.map(({ state }) => String(state)))).toEqual(new Set(['valid']));
  });

  it('a row that goes while its page is read does not end the list', async () => {
    const [first = '', second = ''] = macs;
    const database = { look: async () => [{ id: first }, { id: second }] } as unknown as TestApi['database'];
    const page = { ...{ tables: 'host h', id: 'h.id', fields: {}, limit: 1 }, order: 'ASC' } as const;
    const { items, nextCursor } = await listedPage(database, page, async () => []);
    expect([items, decodeCursor(nextCursor ?? undefined)]).toEqual([[], first]);
  });

  it('OpenAPI says the fields of each', async () => {
    const { paths: shown } = (await test.call('GET', '/api/openapi.json')).body as unknown as {
      paths: Record<string, { get: { parameters: { name: string; schema: Record<string, unknown> }[] } }>;
    };
    for (const path of [...paths, '/hosts', '/rollouts/{id}/targets']) {
      const { schema } = shown[`/api/v1${path}`]?.get.parameters.find(({ name }) => name === 'filter') ?? {};
      const fields = schema?.['x-filter-fields'] as { name: string; operators: string[]; means: string }[];
      expect(fields.length, path).toBeGreaterThan(3);
      for (const { name, operators, means } of fields) {
        expect(String(schema?.['description'])).toContain(name);
        expect([operators.includes('=='), means.length > 3]).toEqual([true, true]);
      }
    }
  });
});
