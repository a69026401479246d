/** Servers and databases for a single piece of work, of a version that the test names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedDatabase, openDatabase } from '../../../apps/controller/src/db/open.ts';
import type { PostgresBinaries } from '../../../apps/controller/src/db/postgres/binaries.ts';
import { EmbeddedPostgres, type PostgresAddress } from '../../../apps/controller/src/db/postgres/embedded.ts';

/** Runs `work` in a new folder, which is removed afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hr-data-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs `work` on a new server that lacks our schema. */
export function withServer<T>(
  binaries: PostgresBinaries | null,
  work: (address: PostgresAddress, stateDir: string) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder) => {
    const server = new EmbeddedPostgres(folder, [], binaries);
    await server.start();
    try {
      return await work(server.address, folder);
    } finally {
      await server.stop();
    }
  });
}

export function urlOf({ host, user, database }: PostgresAddress): string {
  return `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}`;
}

/** Runs `work` on a new database with our schema. */
export function withPostgres<T>(
  binaries: PostgresBinaries,
  work: (opened: OpenedDatabase, stateDir: string) => Promise<T>,
): Promise<T> {
  return withFolder(async (stateDir) => {
    const opened = await openDatabase({ stateDir, databaseUrl: null, fleetName: 'test', binaries });
    try {
      return await work(opened, stateDir);
    } finally {
      await opened.stop();
    }
  });
}
