/** Migrations on both ends of the supported Postgres versions: whole or not at all, over data that is already there. */
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../apps/controller/src/common/clock.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { HistoryKeeper } from '../../apps/controller/src/data/history.ts';
import { applyMigrations } from '../../apps/controller/src/db/apply-migrations.ts';
import { openDatabase, readMigrations } from '../../apps/controller/src/db/open.ts';
import type { PostgresAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { JobStore } from '../../apps/controller/src/jobs/job-store.ts';
import { deployByPrisma, diagnoseByPrisma } from '../../scripts/schema-engine.ts';
import { POSTGRES_VERSIONS } from '../support/postgres.ts';
import { urlOf, withPostgres, withServer } from './support/postgres.ts';

const AT = new Date('2026-11-23T10:00:00Z');
const clock = new (class extends Clock {
  now = () => AT;
})();

for (const { name, major, binaries } of POSTGRES_VERSIONS)
  describe.skipIf(binaries === null)(`on ${name}`, () => {
    const postgres = binaries ?? { initdb: '', postgres: '' };

    it('all migrations apply, months are made, and a job goes its way through the store', async () => {
      await withPostgres(postgres, async ({ database }) => {
        const { rows } = await database.pool.query<{ server_version: string }>('SHOW server_version');
        expect(rows[0]?.server_version.split('.')[0]).toBe(major);
        await new HistoryKeeper(database, { auditDays: 400, eventDays: 180 }).keep(AT);
        const { siteId, prisma } = database;
        const id = uuidv7();
        const report = { siteId, sessionNumber: 4n, capabilities: ['collect_facts'], facts: { schemaVersion: 1 } };
        const data = { id, siteId, hardwareUuid: 'A', name: 'a', enrolledAt: AT };
        await prisma.host.create({
          data: { ...data, report: { create: report }, state: { create: { siteId, stateSince: AT } } },
        });
        const jobs = new JobStore(database, clock, new InProcessBus(), { leaseTtlMs: 1000 });
        const order = { hostId: id, planId: null, lane: 'care', stepIndex: 0, kind: 'collect_facts' } as const;
        const jobId = await database.transaction((tx) => jobs.openJob(tx, order));
        expect(await jobs.lease(id, 3n)).toBeNull();
        expect(await jobs.lease(id, 4n)).toMatchObject({ jobId, leaseNumber: 1 });
        expect(await jobs.lease(id, 4n)).toBeNull();
        const audited = await prisma.audit.findMany({ select: { action: true }, orderBy: { action: 'asc' } });
        expect(audited).toEqual([{ action: 'job.lease' }, { action: 'job.open' }]);
        expect(await prisma.hostEvent.count({ where: { hostId: id, kind: 'step.started' } })).toBe(1);
        expect(await prisma.hostReport.findUnique({ where: { hostId: id } })).toMatchObject(report);
      });
    });

    it('history written under the first schema is there under the newest', async () => {
      await withServer(postgres, async (address, stateDir) => {
        const [first] = await readMigrations();
        await applyMigrations(address, first === undefined ? [] : [first]);
        const id = uuidv7();
        const insert =
          'INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id) VALUES ($1, $1, $2, $3, $3, $3, $3)';
        await query(address, insert, [id, AT, 'x']);
        const opened = await openDatabase({ stateDir, databaseUrl: urlOf(address), fleetName: 'test' });
        await new HistoryKeeper(opened.database, { auditDays: 400, eventDays: 180 }).keep(AT);
        const found = await query(address, 'SELECT id, tableoid::regclass::text AS place FROM audit');
        expect(found).toEqual([{ id, place: 'audit_2026_11' }]);
        // What the version before sends still works.
        await query(address, insert, [uuidv7(), AT, 'y']);
        expect(await opened.database.prisma.audit.count()).toBe(2);
        await opened.stop();
      });
    });

    it('a migration that fails in the middle leaves nothing behind but its reason', async () => {
      await withServer(postgres, async (address) => {
        const sql = `CREATE TABLE half ("a;b" TEXT DEFAULT 'x;y'); SELECT 1 / 0;`;
        await expect(applyMigrations(address, [{ name: '1_broken', sql }])).rejects.toThrow(/division by zero/);
        expect(await query(address, `SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
        const [row] = await query(address, 'SELECT finished_at, logs FROM _prisma_migrations');
        expect(row).toMatchObject({ finished_at: null, logs: expect.stringContaining('division by zero') });
        await expect(applyMigrations(address, [{ name: '1_broken', sql: 'SELECT 1' }])).rejects.toThrow(
          /1_broken failed.*division by zero/s,
        );
      });
    });

    it("Prisma's own tools agree with what is recorded, whoever made it", async () => {
      await withServer(postgres, async (address) => {
        const migrations = await readMigrations();
        await query(address, 'CREATE DATABASE prismas');
        const other = { ...address, database: 'prismas' };
        const [one, two] = [ONE, TWO];
        expect(await deployByPrisma(other, [one])).toEqual([one.name]);
        expect(await applyMigrations(other, [one, two])).toEqual([two.name]);
        expect(await diagnoseByPrisma(other, [one, two])).toEqual(IN_STEP);

        expect(await applyMigrations(address, migrations)).toHaveLength(migrations.length);
        expect(await applyMigrations(address, migrations)).toEqual([]);
        expect(await diagnoseByPrisma(address, migrations)).toEqual(IN_STEP);
        expect(await deployByPrisma(address, [...migrations, two])).toEqual([two.name]);
        expect(await query(address, SHAPE)).toEqual(await query(other, SHAPE));
        const unlike = `SELECT migration_name FROM _prisma_migrations
          WHERE finished_at IS NULL OR finished_at < started_at OR applied_steps_count <> 1 OR logs IS NOT NULL OR length(id) <> 36`;
        expect(await query(address, unlike)).toEqual([]);
        expect(await query(other, unlike)).toEqual([]);
      });
    });

    it('tables of somebody else are left alone, with the reason', async () => {
      await withServer(postgres, async (address) => {
        await query(address, 'CREATE TABLE theirs (id int)');
        await expect(applyMigrations(address, [ONE])).rejects.toThrow(/database of its own/);
        expect(await query(address, `SELECT to_regclass('_prisma_migrations') AS made`)).toEqual([{ made: null }]);
      });
    });

    it('controllers that start together on an empty database make it once', async () => {
      await withServer(postgres, async (address, stateDir) => {
        const options = { stateDir, databaseUrl: urlOf(address), fleetName: 'test' };
        const opened = await Promise.all([openDatabase(options), openDatabase(options), openDatabase(options)]);
        expect(await query(address, 'SELECT id FROM fleet')).toEqual([{ id: opened[0]?.database.fleetId }]);
        const applied = await query(
          address,
          'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL',
        );
        expect(applied).toHaveLength((await readMigrations()).length);
        for (const { stop } of opened) await stop();
      });
    });
  });

const ONE = { name: '20260101000000_one', sql: 'CREATE TABLE one (id int);' };
const TWO = { name: '20991231000000_two', sql: 'CREATE TABLE two (id int);' };
const IN_STEP = { hasMigrationsTable: true, editedMigrationNames: [], failedMigrationNames: [], history: null };
const SHAPE = `
  SELECT column_name, udt_name, character_maximum_length, is_nullable, column_default, ordinal_position,
    (SELECT indexdef FROM pg_indexes WHERE tablename = '_prisma_migrations') AS index
  FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`;

async function query(
  address: PostgresAddress,
  sql: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(address);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
