import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedDatabase, openDatabase } from '../../apps/controller/src/db/open.ts';

export interface TestDatabase extends OpenedDatabase {
  readonly stateDir: string;
}

/** A fresh embedded Postgres with our schema, in a folder of its own. Call `stop` in afterAll. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hr-test-'));
  const opened = await openDatabase({ stateDir, databaseUrl: null, fleetName: 'test' });
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
