/** Which Postgres `export` and `import` work on, and how to get to it without disturbing a controller that runs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../common/problem.ts';
import type { PostgresConnection } from '../db/open.ts';
import { EmbeddedPostgres, embeddedAddress } from '../db/postgres/embedded.ts';
import { StateLock } from '../process/state-lock.ts';

export interface Place {
  readonly stateDir: string;
  /** Null = embedded Postgres under stateDir. */
  readonly databaseUrl: string | null;
}

/** For reading: beside a running controller through its own Postgres, else by starting it for the while. */
export async function withReadable<T>(place: Place, work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
  const { stateDir, databaseUrl } = place;
  if (databaseUrl !== null) return work({ connectionString: databaseUrl });
  if (!existsSync(join(stateDir, 'postgres/PG_VERSION')))
    throw new Problem(
      'NOT_FOUND',
      `${stateDir} holds no Postgres. Give the controller's --state-dir, or DATABASE_URL.`,
    );
  const lock = await takeIfFree(stateDir);
  if (lock === null) return work(embeddedAddress(stateDir));
  return withServer(stateDir, lock, work);
}

/** For writing: nobody else may run on the state folder. Makes it when it is not there. */
export async function withWritable<T>(place: Place, work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
  const { stateDir, databaseUrl } = place;
  if (databaseUrl !== null) return work({ connectionString: databaseUrl });
  return withServer(stateDir, await StateLock.take(stateDir), work);
}

async function takeIfFree(stateDir: string): Promise<StateLock | null> {
  try {
    return await StateLock.take(stateDir);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

async function withServer<T>(
  stateDir: string,
  lock: StateLock,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  const postgres = new EmbeddedPostgres(stateDir);
  try {
    await postgres.start();
    return await work(postgres.address);
  } finally {
    await postgres.stop();
    await lock.release();
  }
}
