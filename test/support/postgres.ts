import { cpSync, existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { migrate, type OpenedDatabase, openDatabase } from '../../apps/controller/src/db/open.ts';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';

export interface TestDatabase extends OpenedDatabase {
  readonly stateDir: string;
}

/** Nobody cuts the power of a test: what the system has taken is kept. */
const SETTINGS = ['fsync=off'];

/** A fresh embedded Postgres with our schema, in a folder of its own. Call `stop` in afterAll. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hr-test-'));
  cpSync(await template(), join(stateDir, 'postgres'), { recursive: true });
  const postgres = new EmbeddedPostgres(stateDir, SETTINGS);
  const opened = await openDatabase({ stateDir, databaseUrl: null, fleetName: 'test', postgres });
  const stop = async () => {
    await opened.stop();
    await rm(stateDir, { recursive: true, force: true });
  };
  return { ...opened, stateDir, stop };
}

/** For a single piece of work. */
export async function withDatabase<T>(work: (db: TestDatabase) => Promise<T>): Promise<T> {
  const db = await openTestDatabase();
  try {
    return await work(db);
  } finally {
    await db.stop();
  }
}

/** Data folder of a stopped Postgres with our schema and no row: made by whoever needs it first. */
async function template(): Promise<string> {
  const ready = join(inject('templates'), 'postgres');
  if (existsSync(ready)) return ready;
  const stateDir = await mkdtemp(join(inject('templates'), 'new-'));
  const postgres = new EmbeddedPostgres(stateDir, SETTINGS);
  await postgres.start();
  await migrate(postgres.address);
  await postgres.stop();
  // Somebody else may have been faster; theirs is as good.
  await rename(join(stateDir, 'postgres'), ready).catch((error) => {
    if (!existsSync(ready)) throw error;
  });
  return ready;
}
