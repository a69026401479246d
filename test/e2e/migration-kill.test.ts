/** A kill while the database is made or brought up to date must not keep the controller from ever starting again. */
import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { applyMigrations } from '../../apps/controller/src/db/schema-engine.ts';
import { newStateDir } from './support/fleet.ts';

const MODEL = 'datasource db { provider = "postgresql" }';
const ONE = { name: '20260101000000_one', sql: 'CREATE TABLE one (id int);' };
/** Ends without a semicolon and in a comment: what is added to it must still be a statement of its own. */
const TWO = { name: '20260102000000_two', sql: "CREATE TABLE two (id int); INSERT INTO two VALUES (2) -- ';" };

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
    expect(await applyMigrations(postgres.address, MODEL, [ONE])).toEqual([ONE.name]);
    await query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ('x', 'y', '${TWO.name}', now())`,
    );
    expect(await applyMigrations(postgres.address, MODEL, [ONE, TWO])).toEqual([TWO.name]);
    expect(await query('SELECT id FROM two')).toEqual([{ id: 2 }]);
  });

  it('after its script ran counts as applied, because the script itself says so', async () => {
    // The engine's own note of the end never arrives.
    const three = { name: '20260103000000_three', sql: 'CREATE TABLE three (id int);' };
    await query(`CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF OLD.finished_at IS NOT NULL THEN RAISE EXCEPTION 'killed here'; END IF; RETURN NEW; END $$`);
    await query('CREATE TRIGGER keep_out BEFORE UPDATE ON _prisma_migrations FOR EACH ROW EXECUTE FUNCTION keep_out()');
    await expect(applyMigrations(postgres.address, MODEL, [ONE, TWO, three])).rejects.toThrow();
    await query('DROP TRIGGER keep_out ON _prisma_migrations');
    expect(await query('SELECT id FROM three')).toEqual([]);
    expect(await applyMigrations(postgres.address, MODEL, [ONE, TWO, three])).toEqual([]);
  });

  it('is told from one that failed, which still stops every start with its reason', async () => {
    const wrong = { name: '20260104000000_wrong', sql: 'CREATE TABLE four (id nonsense);' };
    const all = [ONE, TWO, { name: '20260103000000_three', sql: 'CREATE TABLE three (id int);' }, wrong];
    await expect(applyMigrations(postgres.address, MODEL, all)).rejects.toThrow();
    await expect(applyMigrations(postgres.address, MODEL, all)).rejects.toThrow();
    expect(await query(`SELECT logs ~ 'nonsense' AS told FROM _prisma_migrations WHERE finished_at IS NULL`)).toEqual([
      { told: true },
    ]);
  });
});
