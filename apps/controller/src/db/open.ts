import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { uuidv7 } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import { Database } from './database.ts';
import { EmbeddedPostgres, type PostgresAddress } from './postgres/embedded.ts';
import { applyMigrations, type MigrationSource } from './schema-engine.ts';

const log = logger('database');
const POOL_MAX = 16;
/** Where the project's prisma folder lies, seen from src/db and from dist/db alike. */
const PRISMA_FOLDER = new URL('../../../../prisma/', import.meta.url);

export interface OpenDatabaseOptions {
  readonly stateDir: string;
  /** Null = embedded Postgres under stateDir. */
  readonly databaseUrl: string | null;
  readonly fleetName: string;
}

/** How to reach Postgres: a URL, or the socket of the embedded one. */
export type PostgresConnection = { readonly connectionString: string } | PostgresAddress;

export interface OpenedDatabase {
  readonly database: Database;
  /** For whoever needs connections of its own (the queue). */
  readonly connection: PostgresConnection;
  readonly stop: () => Promise<void>;
}

/** Starts or reaches Postgres, brings its schema up to date, and makes sure that it says which fleet it belongs to. */
export async function openDatabase({ stateDir, databaseUrl, fleetName }: OpenDatabaseOptions): Promise<OpenedDatabase> {
  const embedded = databaseUrl === null ? new EmbeddedPostgres(stateDir) : null;
  await embedded?.start();
  const connection: PostgresConnection =
    embedded === null ? { connectionString: databaseUrl ?? '' } : { ...embedded.address };
  try {
    await migrate(connection);
    const pool = new pg.Pool({ ...connection, max: POOL_MAX });
    // Idle connections break when Postgres restarts; the pool makes new ones.
    pool.on('error', (error) => log(`connection lost: ${error.message}`));
    const { fleetId, siteId } = await ensureFleet(pool, fleetName);
    const database = new Database(pool, fleetId, siteId);
    const stop = async () => {
      await database.close();
      await embedded?.stop();
    };
    return { database, connection, stop };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function migrate(connection: PostgresConnection): Promise<void> {
  const schema = await readFile(new URL('schema.prisma', PRISMA_FOLDER), 'utf8');
  const applied = await applyMigrations(connection, schema, await readMigrations());
  if (applied.length > 0) log(`migrations applied: ${applied.join(', ')}`);
}

export async function readMigrations(): Promise<readonly MigrationSource[]> {
  const folder = new URL('migrations/', PRISMA_FOLDER);
  const entries = await readdir(fileURLToPath(folder), { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => ({ name, sql: await readFile(new URL(`${name}/migration.sql`, folder), 'utf8') })),
  );
}

async function ensureFleet(pool: pg.Pool, name: string): Promise<{ fleetId: string; siteId: string }> {
  const siteId = uuidv7();
  const now = new Date();
  await pool.query('INSERT INTO site (id, name, created_at) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM site)', [
    siteId,
    'default',
    now,
  ]);
  await pool.query(
    'INSERT INTO fleet (id, site_id, name, created_at) SELECT $1, s.id, $2, $3 FROM site s WHERE NOT EXISTS (SELECT 1 FROM fleet) ORDER BY s.created_at LIMIT 1',
    [uuidv7(), name, now],
  );
  const { rows } = await pool.query<{ fleetId: string; siteId: string }>(
    'SELECT id AS "fleetId", site_id AS "siteId" FROM fleet',
  );
  const [fleet] = rows;
  if (fleet === undefined) throw new Error('the fleet row is missing right after it was written');
  return fleet;
}
