/**
 * What a controller stands on: the lock of its state folder and, in it, Postgres. Making a cluster and starting it takes about as long
 * as loading everything else, so it is begun first and goes on beside that: this module imports little.
 */
import type { ControllerConfig } from '../config/config.ts';
import { EmbeddedPostgres } from '../db/postgres/embedded.ts';
import { StateLock } from './state-lock.ts';

export interface Ground {
  readonly stateLock: StateLock;
  /** It may still be starting; `start` waits for it. Null = a Postgres of somebody else's. */
  readonly postgres: EmbeddedPostgres | null;
}

/** Nobody else owns the state folder when this returns. */
export async function takeGround({
  stateDir,
  databaseUrl,
}: Pick<ControllerConfig, 'stateDir' | 'databaseUrl'>): Promise<Ground> {
  const stateLock = await StateLock.take(stateDir);
  const postgres = databaseUrl === null ? new EmbeddedPostgres(stateDir) : null;
  // Whoever opens the database waits for the same start, and is told why it failed.
  postgres?.start().catch(() => {});
  return { stateLock, postgres };
}
