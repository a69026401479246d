import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { migrate, type OpenedDatabase, openDatabase } from '../../apps/controller/src/db/open.ts';
import { embeddedBinaries, type PostgresBinaries } from '../../apps/controller/src/db/postgres/binaries.ts';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { copyFolder } from './copy-folder.ts';

const FIFTEEN = '/usr/lib/postgresql/15/bin';

export interface PostgresVersion {
  readonly name: string;
  readonly major: string;
  /** Null = not installed here; its tests are skipped by name. */
  readonly binaries: PostgresBinaries | null;
}

/** Both ends of what we support: the embedded 18, and the system's 15 where it is installed. */
export const POSTGRES_VERSIONS: readonly [PostgresVersion, PostgresVersion] = [
  { name: 'embedded Postgres 18', major: '18', binaries: embeddedBinaries() },
  {
    name: 'Postgres 15 (apt-get install -y postgresql-15)',
    major: '15',
    binaries: existsSync(FIFTEEN) ? { initdb: join(FIFTEEN, 'initdb'), postgres: join(FIFTEEN, 'postgres') } : null,
  },
];

export interface TestDatabase extends OpenedDatabase {
  readonly stateDir: string;
}

/** Nobody cuts the power of a test: what the system has taken is kept. */
const SETTINGS = ['fsync=off'];

/** A fresh Postgres with our schema, in a folder of its own: the embedded one unless the environment says 15. Call `stop` in afterAll. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const version = wantedVersion();
  const stateDir = await mkdtemp(join(tmpdir(), 'hr-test-'));
  copyFolder(await template(version), join(stateDir, 'postgres'));
  const postgres = new EmbeddedPostgres(stateDir, SETTINGS, version.binaries);
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

/** The major version that tests run on, where they have no need of another. */
const WANTED = 'HEADROOM_TEST_POSTGRES';

function wantedVersion(): PostgresVersion {
  const wanted = process.env[WANTED] ?? '18';
  const version = POSTGRES_VERSIONS.find(({ major }) => major === wanted);
  if (version !== undefined && version.binaries !== null) return version;
  const known = POSTGRES_VERSIONS.map(({ major }) => major).join(' or ');
  throw new Error(`${WANTED}: expected ${known}, seen ${wanted}; ${version?.name ?? 'that'} is not here`);
}

/** Data folder of a stopped Postgres with our schema and no row: made by whoever needs it first. */
async function template({ major, binaries }: PostgresVersion): Promise<string> {
  const ready = join(inject('templates'), `postgres-${major}`);
  if (existsSync(ready)) return ready;
  const stateDir = await mkdtemp(join(inject('templates'), 'new-'));
  const postgres = new EmbeddedPostgres(stateDir, SETTINGS, binaries);
  await postgres.start();
  await migrate(postgres.address);
  await postgres.stop();
  // Somebody else may have been faster; theirs is as good.
  await rename(join(stateDir, 'postgres'), ready).catch((error) => {
    if (!existsSync(ready)) throw error;
  });
  return ready;
}
