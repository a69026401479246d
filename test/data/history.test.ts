/** History by month: nothing is refused, nothing is lost by moving, whole months go when their time is over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { HistoryKeeper } from '../../apps/controller/src/data/history.ts';
import { type Database, writeAudit } from '../../apps/controller/src/db/database.ts';
import { writeHostEvent } from '../../apps/controller/src/db/host-events.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';

const NOW = new Date('2026-11-23T10:00:00Z');
const RETENTION = { auditDays: 400, eventDays: 180 };
let db: TestDatabase;
let database: Database;
beforeAll(async () => {
  db = await openTestDatabase();
  ({ database } = db);
});
afterAll(() => db?.stop());

async function writeBoth(at: string): Promise<void> {
  const { siteId } = database;
  await database.transaction(async (tx) => {
    const entry = { actor: 'system:test', action: 'a', entity: 'e', entityId: at, siteId, at: new Date(at) };
    await writeAudit(tx, entry);
    const event = { siteId, hostId: uuidv7(), kind: 'k', detail: {}, at: new Date(at) };
    await writeHostEvent(tx, event);
  });
}

/** Rows by the partition that holds them, of those that the tests wrote. */
async function places(table: 'audit' | 'host_event'): Promise<Record<string, readonly string[]>> {
  const own = table === 'audit' ? `WHERE action = 'a'` : '';
  const { rows } = await database.pool.query<{ partition: string; at: Date }>(
    `SELECT tableoid::regclass::text AS partition, at FROM ${table} ${own} ORDER BY at`,
  );
  const found: Record<string, string[]> = {};
  for (const { partition, at } of rows) {
    found[partition] ??= [];
    found[partition].push(at.toISOString().slice(0, 10));
  }
  return found;
}

describe('history', () => {
  it('lands in DEFAULT before any month exists, then moves to its month; too old goes, too far ahead stays', async () => {
    const written = ['2025-01-15', '2026-03-02', '2026-10-31', '2026-11-23', '2031-05-05'];
    for (const day of written) await writeBoth(`${day}T10:00:00Z`);
    expect(await places('audit')).toEqual({ audit_default: written });
    const { made } = await new HistoryKeeper(database, RETENTION).keep(NOW);
    expect(made).toEqual([
      ...['audit_2026_03', 'audit_2026_10', 'audit_2026_11', 'audit_2026_12', 'audit_2027_01'],
      ...['host_event_2026_10', 'host_event_2026_11', 'host_event_2026_12', 'host_event_2027_01'],
    ]);
    expect(await places('audit')).toEqual({
      audit_2026_03: ['2026-03-02'],
      audit_2026_10: ['2026-10-31'],
      audit_2026_11: ['2026-11-23'],
      audit_default: ['2031-05-05'],
    });
    expect(await places('host_event')).toEqual({
      host_event_2026_10: ['2026-10-31'],
      host_event_2026_11: ['2026-11-23'],
      host_event_default: ['2031-05-05'],
    });
  });

  it('does nothing when nothing is to do, also for two controllers at once', async () => {
    const keepers = [new HistoryKeeper(database, RETENTION), new HistoryKeeper(database, RETENTION)];
    const later = new Date('2026-12-02T00:00:00Z');
    const made = (await Promise.all(keepers.map((keeper) => keeper.keep(later)))).flatMap((kept) => kept.made);
    expect(made.sort()).toEqual(['audit_2027_02', 'host_event_2027_02']);
    expect(await keepers[0]?.keep(later)).toEqual({ made: [], dropped: [] });
  });

  it('new rows go straight to their month, at its first and last moment', async () => {
    await writeBoth('2027-01-01T00:00:00.000Z');
    await writeBoth('2027-01-31T23:59:59.999Z');
    expect((await places('audit'))['audit_2027_01']).toEqual(['2027-01-01', '2027-01-31']);
  });

  it('drops a month only when its last day is past the retention, and says so in the audit', async () => {
    const keeper = new HistoryKeeper(database, RETENTION);
    const lastDay = new Date(Date.UTC(2026, 10, 1) + 180 * 86_400_000);
    expect((await keeper.keep(new Date(lastDay.getTime() - 1))).dropped).toEqual([]);
    expect((await keeper.keep(lastDay)).dropped).toEqual(['host_event_2026_10']);
    expect(Object.keys(await places('host_event'))).not.toContain('host_event_2026_10');
    expect((await places('audit'))['audit_2026_10']).toEqual(['2026-10-31']);
    const where = { action: 'history.drop' };
    const said = { where, select: { entityId: true, after: true }, orderBy: { id: 'asc' } } as const;
    expect(await database.prisma.audit.findMany(said)).toEqual([
      { entityId: 'audit_default', after: { rows: 1, retentionDays: 400 } },
      { entityId: 'host_event_default', after: { rows: 2, retentionDays: 180 } },
      { entityId: 'host_event_2026_10', after: { retentionDays: 180 } },
    ]);
  });

  it('gives way to a long transaction and comes again', async () => {
    const keeper = new HistoryKeeper(database, RETENTION);
    const client = await database.pool.connect();
    const later = new Date('2027-08-10T00:00:00Z');
    try {
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM audit_default');
      await expect(keeper.daily(later, true)).rejects.toThrow(/lock timeout/);
      // Nobody is held up behind it.
      await writeBoth('2027-01-02T00:00:00Z');
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    await keeper.daily(new Date(later.getTime() + 1000), true);
    expect(await places('audit')).not.toHaveProperty('audit_2027_08');
    await keeper.daily(new Date(later.getTime() + 61_000), true);
    await writeBoth('2027-08-10T00:00:00Z');
    expect((await places('audit'))['audit_2027_08']).toEqual(['2027-08-10']);
  });

  it('a clock that jumps to 2099, to 1970 and back refuses no row, loses none and puts nothing off', async () => {
    const keeper = new HistoryKeeper(database, RETENTION);
    const right = new Date('2027-09-05T00:00:00Z');
    const day = 86_400_000;
    await keeper.daily(right, true);
    const before = await places('audit');
    for (const wrong of ['2099-04-01T00:00:00Z', '1970-01-02T00:00:00Z']) {
      await writeBoth(wrong);
      // As the clock jumped just now, it is not trusted with what is old.
      await keeper.daily(new Date(wrong), false);
      await writeBoth(wrong);
    }
    const inBetween = await places('audit');
    expect(inBetween).toMatchObject({
      ...before,
      audit_2099_04: ['2099-04-01', '2099-04-01'],
      audit_1970_01: ['1970-01-02', '1970-01-02'],
    });
    // Back again: the next month is made now, and not in 2099.
    await keeper.daily(new Date(right.getTime() + 60 * day), false);
    await writeBoth('2027-11-04T00:00:00Z');
    expect(await places('audit')).toEqual({ ...inBetween, audit_2027_11: ['2027-11-04'] });
    // Trusted at last, it drops what it takes for old; what lies ahead stays and is read.
    await keeper.daily(new Date(right.getTime() + 60 * day), true);
    const { rows } = await database.pool.query(
      `SELECT DISTINCT extract(year FROM at)::int AS year FROM audit ORDER BY 1`,
    );
    expect(rows.map(({ year }) => year)).toEqual([2026, 2027, 2031, 2099]);
  });

  it('makes the month of today though an older one cannot be made, and says which', async () => {
    const keeper = new HistoryKeeper(database, RETENTION);
    await writeBoth('2028-02-10T00:00:00Z');
    // No table may have the name of a type.
    await database.pool.query('CREATE DOMAIN audit_2028_02 AS int');
    const today = new Date('2028-03-10T00:00:00Z');
    await expect(keeper.daily(today, false)).rejects.toThrow(/audit_2028_02/);
    await writeBoth(today.toISOString());
    expect(await places('audit')).toMatchObject({ audit_2028_03: ['2028-03-10'], audit_default: expect.anything() });
    await database.pool.query('DROP DOMAIN audit_2028_02');
    await keeper.daily(new Date(today.getTime() + 61_000), false);
    expect(await places('audit')).toMatchObject({ audit_2028_02: ['2028-02-10'] });
  });
});
