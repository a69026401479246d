/** A kill while the database is made or brought up to date must not keep the controller from ever starting again. */
import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { applyMigrations } from '../../apps/controller/src/db/apply-migrations.ts';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { newStateDir } from './support/fleet.ts';

const ONE = { name: '20260101000000_one', sql: 'CREATE TABLE one (id int);' };
/** Ends without a semicolon and in a comment: what is added to it must still be a statement of its own. */
const TWO = { name: '20260102000000_two', sql: "CREATE TABLE two (id int); INSERT INTO two VALUES (2) -- ';" };
const THREE = { name: '20260103000000_three', sql: 'CREATE TABLE three (id int);' };

describe('a migration that was killed', () => {
  const stateDir = newStateDir();
  const postgres = new EmbeddedPostgres(stateDir);
  beforeAll(() => postgres.start());
  afterAll(async () => {
    await postgres.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  async function query<Row extends pg.QueryResultRow>(text: string): Promise<readonly Row[]> {
    const client = new pg.Client(postgres.address);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  it('before its script ran is applied by the next start', async () => {
    expect(await applyMigrations(postgres.address, [ONE])).toEqual([ONE.name]);
    await query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ('x', 'y', '${TWO.name}', now())`,
    );
    expect(await applyMigrations(postgres.address, [ONE, TWO])).toEqual([TWO.name]);
    expect(await query('SELECT id FROM two')).toEqual([{ id: 2 }]);
  });

  it('in the middle of its script left nothing of it, and is applied by the next start', async () => {
    const begun = applyMigrations(postgres.address, [
      ONE,
      TWO,
      { ...THREE, sql: `${THREE.sql} SELECT pg_sleep(600); SELECT 'the middle of three';` },
    ]);
    const ended = expect(begun).rejects.toThrow();
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE query LIKE '%the middle of three%' AND wait_event = 'PgSleep' AND pid <> pg_backend_pid()`;
    await vi.waitUntil(async () => (await query(kill)).length > 0, { timeout: 60_000 });
    await ended;
    expect(await query(`SELECT to_regclass('three') AS three`)).toEqual([{ three: null }]);
    expect(await applyMigrations(postgres.address, [ONE, TWO, THREE])).toEqual([THREE.name]);
    expect(await applyMigrations(postgres.address, [ONE, TWO, THREE])).toEqual([]);
  });

  it('is told from one that failed, which still stops every start with its reason', async () => {
    const wrong = { name: '20260104000000_wrong', sql: 'CREATE TABLE four (id nonsense);' };
    const all = [ONE, TWO, THREE, wrong];
    await expect(applyMigrations(postgres.address, all)).rejects.toThrow();
    await expect(applyMigrations(postgres.address, all)).rejects.toThrow();
    expect(await query(`SELECT logs ~ 'nonsense' AS told FROM _prisma_migrations WHERE finished_at IS NULL`)).toEqual([
      { told: true },
    ]);
  });
});
