import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { uuidv7 } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import { applyMigrations, type MigrationSource } from './apply-migrations.ts';
import { Database } from './database.ts';
import type { PostgresBinaries } from './postgres/binaries.ts';
import { EmbeddedPostgres, type PostgresAddress } from './postgres/embedded.ts';
import { PooledClient } from './steady-client.ts';
import { withClient } from './with-client.ts';

const log = logger('database');
const POOL_MAX = 16;
/** Numbers of advisory locks are ours by habit: 4840200 start and import, 4840201 history. */
const START_LOCK = 4840200;
/** Where the project's prisma folder lies, seen from src/db and from dist/db alike. */
const PRISMA_FOLDER = new URL('../../../../prisma/', import.meta.url);

export interface OpenDatabaseOptions {
  readonly stateDir: string;
  /** Null = embedded Postgres under stateDir. */
  readonly databaseUrl: string | null;
  readonly fleetName: string;
  /** The embedded Postgres, when somebody began to start it already. */
  readonly postgres?: EmbeddedPostgres | null;
  /** Another Postgres than the one that npm installed, for the embedded one. */
  readonly binaries?: PostgresBinaries;
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
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenedDatabase> {
  const { stateDir, databaseUrl, fleetName, binaries, postgres = null } = options;
  const embedded = databaseUrl === null ? (postgres ?? new EmbeddedPostgres(stateDir, [], binaries)) : null;
  await embedded?.start();
  const connection: PostgresConnection =
    embedded === null ? { connectionString: databaseUrl ?? '' } : { ...embedded.address };
  try {
    const { fleetId, siteId } = await underLock(connection, async (client) => {
      await migrate(connection);
      return ensureFleet(client, fleetName);
    });
    const pool = new pg.Pool({ ...connection, max: POOL_MAX, Client: PooledClient });
    // Idle connections break when Postgres restarts; the pool makes new ones.
    pool.on('error', (error) => log(`connection lost: ${error.message}`));
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

/** Controllers that start together wait for each other here. The lock ends with its connection, however that ends. */
export function underLock<T>(connection: PostgresConnection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(connection, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [START_LOCK]);
    return work(client);
  });
}

/** Applies the migrations that this version knows and the database lacks. Run it under the lock. */
export async function migrate(connection: PostgresConnection): Promise<void> {
  const applied = await applyMigrations(connection, await readMigrations());
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

async function ensureFleet(client: pg.Client, name: string): Promise<{ fleetId: string; siteId: string }> {
  const siteId = uuidv7();
  const now = new Date();
  await client.query(
    'INSERT INTO site (id, name, created_at) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM site)',
    [siteId, 'default', now],
  );
  await client.query(
    'INSERT INTO fleet (id, site_id, name, created_at) SELECT $1, s.id, $2, $3 FROM site s WHERE NOT EXISTS (SELECT 1 FROM fleet) ORDER BY s.created_at LIMIT 1',
    [uuidv7(), name, now],
  );
  const { rows } = await client.query<{ fleetId: string; siteId: string }>(
    'SELECT id AS "fleetId", site_id AS "siteId" FROM fleet',
  );
  const [fleet] = rows;
  if (fleet === undefined) throw new Error('the fleet row is missing right after it was written');
  return fleet;
}
