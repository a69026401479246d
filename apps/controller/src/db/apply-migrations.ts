/**
 * Brings a database up to date as `prisma migrate deploy` does, and keeps `_prisma_migrations` as Prisma itself would, so that its
 * tools agree; but without its engine, which costs a second and 130 MB. Each migration is one message, and so one transaction,
 * that also records its end: Postgres does all of it or nothing, and a kill leaves nothing that has to be told from a failure.
 */
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { Problem } from '../common/problem.ts';
import { problemOf } from './problem-of.ts';
import { withClient } from './with-client.ts';

export interface MigrationSource {
  readonly name: string;
  readonly sql: string;
}

interface Row {
  readonly name: string;
  readonly done: boolean;
  readonly logs: string | null;
}

/** The advisory lock that Prisma's own tools take as well. */
const LOCK = `SET lock_timeout = '60s'; SELECT pg_advisory_lock(72707369); RESET lock_timeout`;

/** A table of ours without Prisma's table beside it, or the tables of somebody else: nobody knows what was done here. */
const IS_USED = `
  SELECT to_regclass('_prisma_migrations') IS NOT NULL AS known, EXISTS (
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')) AS used`;

const TABLE = `
  CREATE TABLE _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

/** Begun, without an end or a reason: its controller, of an earlier version, was killed before anything of it was done. */
const FORGET_KILLED = `
  DELETE FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NULL`;

const ROWS = `
  SELECT migration_name AS name, finished_at IS NOT NULL AS done, logs FROM _prisma_migrations
  WHERE rolled_back_at IS NULL ORDER BY started_at`;

const RECORD_FAILED = 'INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ($1, $2, $3, $4)';

/**
 * Applies what is not applied yet, in order of name; returns the names applied now. A failed one blocks all later runs, a killed
 * one none. Names that only the database knows are those of a newer controller, and no matter here.
 */
export function applyMigrations(
  connection: pg.ClientConfig,
  migrations: readonly MigrationSource[],
): Promise<readonly string[]> {
  return withClient(connection, async (client) => {
    await client.query(LOCK);
    await prepareTable(client);
    const { rows } = await client.query<Row>(ROWS);
    const failed = rows.find(({ done }) => !done);
    if (failed !== undefined) throw new Problem('NOT_READY', blocked(failed.name, failed.logs));
    const done = new Set(rows.map(({ name }) => name));
    const missing = migrations.filter(({ name }) => !done.has(name));
    for (const migration of missing) await applyOne(client, migration);
    return missing.map(({ name }) => name);
  });
}

async function prepareTable(client: pg.Client): Promise<void> {
  const [found] = (await client.query<{ known: boolean; used: boolean }>(IS_USED)).rows;
  if (found?.known === true) await client.query(FORGET_KILLED);
  else if (found?.used !== true) await client.query(TABLE);
  else
    throw new Problem(
      'NOT_READY',
      'The database holds tables, but no _prisma_migrations that says which of ours were made. Give Headroom a database of its own.',
    );
}

async function applyOne(client: pg.Client, { name, sql }: MigrationSource): Promise<void> {
  const id = randomUUID();
  const checksum = createHash('sha256').update(sql).digest('hex');
  const values = [id, checksum, name].map(pg.escapeLiteral).join(', ');
  const recordDone = `
    INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
    VALUES (${values}, clock_timestamp(), 1)`;
  try {
    await client.query(`${sql}\n;${recordDone}`);
  } catch (error) {
    // A full disk or a Postgres that goes away says nothing about the migration: the next start tries it again.
    if (!(error instanceof pg.DatabaseError) || problemOf(error) !== null) throw error;
    const { message, detail, hint, code } = error;
    const logs = [`${message} (${code})`, detail, hint].filter((line) => line !== undefined).join('\n');
    await client.query(RECORD_FAILED, [id, checksum, name, logs]);
    throw new Problem('NOT_READY', blocked(name, logs));
  }
}

function blocked(name: string, logs: string | null): string {
  return `The migration ${name} failed, and nothing of it was kept: ${logs ?? 'no reason was recorded'}. No controller starts on this database until the cause is mended and its row is deleted from _prisma_migrations.`;
}
