// Goal: a filter means the same to the predicate in core and to Postgres, unknown facts included.

import { type Filter, type FilterHost, formatFilter, hostFields, matchesHost, parseFilter } from '@headroom/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toJson } from '../../apps/controller/src/audit/json.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { filterSql } from '../../apps/controller/src/filters/filter-sql.ts';
import { FILTER_TABLES, HOST_COLUMNS } from '../../apps/controller/src/hosts/filter-sql.ts';
import { arbitraryFilter, arbitraryFilterHost } from '../../packages/core/testing/arbitrary-filter.ts';

import { addMac, itemsOf, openTestApi, type TestApi } from '../api/support.ts';

let test: TestApi;
const known = new Map<string, FilterHost>();
const HOSTS = 60;

beforeAll(async () => {
  test = await openTestApi();
  const { prisma, siteId } = test.database;
  const now = test.clock.now();
  await prisma.site.create({ data: { id: uuidv7(), name: 'berlin', createdAt: now } });
  const sites = new Map((await prisma.site.findMany()).map(({ id, name }) => [name, id]));
  for (const host of fc.sample(arbitraryFilterHost, { numRuns: HOSTS, seed: 7 })) {
    const id = await addMac(test);
    const { hardwareUuid } = await prisma.host.update({
      where: { id },
      data: { siteId: sites.get(host.site) ?? siteId },
    });
    await prisma.hostLabel.createMany({ data: host.labels.map((label) => ({ hostId: id, siteId, label })) });
    if (host.facts !== null)
      await prisma.hostReport.update({ where: { hostId: id }, data: { facts: toJson(host.facts) } });
    const { state, presence, proof } = host;
    const record = { witness: proof === 'witnessed' ? { macosGuests: 3 } : null };
    const findings = host.findings.map((code) => ({ code, severity: 'warning' }));
    await prisma.hostState.update({ where: { hostId: id }, data: { state, presence, record, findings } });
    await prisma.intent.update({
      where: { hostId: id },
      data: { quota: host.quota, ...(host.quota > 2 && { revisionId: id, grantId: id }) },
    });
    known.set(id, { ...host, hardwareUuid });
  }
});
afterAll(() => test.stop());

async function answersOf(filter: Filter): Promise<ReadonlyMap<string, boolean | null>> {
  const { sql, values } = filterSql(filter, HOST_COLUMNS, 1);
  const rows = await test.database.prisma.$queryRawUnsafe<{ id: string; answer: boolean | null }[]>(
    `SELECT h.id::text AS id, ${sql} AS answer FROM ${FILTER_TABLES}`,
    ...values,
  );
  return new Map(rows.map(({ id, answer }) => [id, answer]));
}

describe('the two back ends of a filter', () => {
  it('agree on every host', async () => {
    const seen = { true: 0, false: 0, null: 0 };
    await fc.assert(
      fc.asyncProperty(arbitraryFilter, async (filter) => {
        const answers = await answersOf(filter);
        for (const [id, host] of known) {
          const expected = matchesHost(filter, host);
          seen[`${expected}`] += 1;
          expect(answers.get(id), `${formatFilter(filter)} of ${JSON.stringify(host)}`).toBe(expected);
        }
      }),
      { numRuns: 150 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it('have an index for each field', async () => {
    const fields = ['chip==T6020', 'model==Mac14', 'serial==S', 'build==23F79', 'os=gt=14.5', 'finding==NO_HANDS'];
    for (const text of fields) {
      const parsed = parseFilter(text, hostFields('all'));
      const { sql, values } = filterSql(parsed.ok ? parsed.filter : { kind: 'and', parts: [] }, HOST_COLUMNS, 1);
      const plan = await test.database.prisma.$transaction(async (tx) => {
        await tx.$executeRawUnsafe('SET LOCAL enable_seqscan = off');
        return tx.$queryRawUnsafe<Record<string, string>[]>(
          `EXPLAIN SELECT 1 FROM host_report r JOIN host_state s ON s.host_id = r.host_id WHERE ${sql}`,
          ...values,
        );
      });
      expect(JSON.stringify(plan), text).toMatch(/host_report_(variant|model|serial|build|os)|host_state_finding/);
    }
  });
});

describe('GET /hosts?filter=', () => {
  const list = (filter: string, more = '') =>
    test.call('GET', `/api/v1/hosts?limit=200${more}&filter=${encodeURIComponent(filter)}`);

  it('lists the Macs for which it is known to hold, page by page', async () => {
    const text = 'chip==T6020,label==lab';
    const parsed = parseFilter(text, hostFields('all'));
    const wanted = [...known].filter(([, host]) => parsed.ok && matchesHost(parsed.filter, host)).map(([id]) => id);
    expect(wanted.length).toBeGreaterThan(5);
    expect(itemsOf((await list(text)).body).map(({ id }) => String(id))).toEqual(wanted.sort());
    const first = await list(text);
    expect(first.body['nextCursor']).toBeNull();
    const page = (await test.call('GET', `/api/v1/hosts?limit=2&filter=${encodeURIComponent(text)}`)).body;
    expect(itemsOf(page).map(({ id }) => String(id))).toEqual(wanted.slice(0, 2));
    const next = await test.call(
      'GET',
      `/api/v1/hosts?limit=2&cursor=${String(page['nextCursor'])}&filter=${encodeURIComponent(text)}`,
    );
    expect(itemsOf(next.body).map(({ id }) => String(id))).toEqual(wanted.slice(2, 4));
    const both = itemsOf((await list(text, '&state=raised&label=lab')).body);
    for (const host of both) expect(known.get(String(host['id']))).toMatchObject({ state: 'raised' });
  });

  it('refuses what it cannot read, with the position', async () => {
    const refused = await list('state==raised;colour==red');
    expect(refused.status).toBe(400);
    expect(String(refused.body['detail'])).toMatch(/at position 15: expected a field: label, site/);
  });
});

describe('a policy selector', () => {
  const create = (filter: string, name: string) =>
    test.call('POST', '/api/v1/policies', { body: { name, quota: 'stock', selector: { filter } } });

  it('refuses state and readings, and lists what it takes', async () => {
    const refused = await create('state==raised', 'by state');
    expect([refused.status, refused.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
    expect(String(refused.body['detail'])).toMatch(/label, site, chip, variant, model, os, build, uuid, serial,/);
  });

  it('leaves Macs alone of which a fact is unknown', async () => {
    const text = 'chip==T6020;build=in=(23F79)';
    const parsed = parseFilter(text, hostFields('identity'));
    const answers = [...known.values()].map((host) => parsed.ok && matchesHost(parsed.filter, host));
    const reply = await create(text, 'by chip');
    expect(reply.body).toMatchObject({
      hosts: answers.filter((answer) => answer === true).length,
      unknown: answers.filter((answer) => answer === null).length,
    });
    expect(Number(reply.body['unknown'])).toBeGreaterThan(0);
  });
});
