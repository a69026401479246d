/**
 * Prisma's own schema engine as WASM, run in this process: it needs no binary from the internet. Makes the SQL of a new migration
 * and says what Prisma thinks of a database; the controller itself does without it (apps/controller/src/db/apply-migrations.ts).
 * The API is internal to Prisma, hence the exact version pin and this one module.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';

export interface MigrationSource {
  readonly name: string;
  readonly sql: string;
}

/** What `prisma migrate status` goes by. */
export interface Diagnosis {
  readonly hasMigrationsTable: boolean;
  readonly editedMigrationNames: readonly string[];
  readonly failedMigrationNames: readonly string[];
  /** Null = database and folder hold the same migrations. */
  readonly history: Readonly<Record<string, unknown>> | null;
}

interface Engine {
  applyMigrations(input: unknown): Promise<{ appliedMigrationNames: string[] }>;
  diagnoseMigrationHistory(input: unknown): Promise<Diagnosis>;
  diff(input: unknown): Promise<{ stdout?: string | null; exitCode: number }>;
}

interface EngineModule {
  __wbg_set_wasm(exports: unknown): void;
  SchemaEngine: { new: (options: unknown, log: () => void, adapter: unknown) => Promise<Engine> };
}

/** The part of the global WebAssembly that is used; Node's types leave it to the DOM's. */
interface Wasm {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, unknown>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
}

const MODEL = 'datasource db {\n  provider = "postgresql"\n}\n';
const NO_FILTERS = { externalTables: [], externalEnums: [] };
let loading: Promise<EngineModule> | null = null;

async function loadModule(): Promise<EngineModule> {
  const name = '@prisma/schema-engine-wasm/schema_engine_bg';
  const entry = createRequire(import.meta.url).resolve(name);
  const bg = (await import(name)) as unknown as EngineModule;
  const bytes = readFileSync(join(dirname(entry), 'schema_engine_bg.wasm'));
  const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const { instance } = await wasm.instantiate(bytes, { './schema_engine_bg.js': bg });
  bg.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return bg;
}

async function withEngine<T>(
  connection: pg.PoolConfig,
  schema: string,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  loading ??= loadModule();
  const module = await loading;
  // Ours to end: the engine keeps its own lock, which others wait for, as long as its connections live.
  const pool = new pg.Pool(connection);
  try {
    const factory = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
    return await work(await module.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, factory));
  } finally {
    await pool.end();
  }
}

/** `prisma migrate deploy`: the names that it applied. It cuts scripts at every semicolon. */
export function deployByPrisma(
  connection: pg.PoolConfig,
  migrations: readonly MigrationSource[],
): Promise<readonly string[]> {
  return withEngine(connection, MODEL, async (engine) => {
    const input = { filters: NO_FILTERS, migrationsList: listOf(migrations) };
    return (await engine.applyMigrations(input)).appliedMigrationNames;
  });
}

/** `prisma migrate status`. */
export function diagnoseByPrisma(
  connection: pg.PoolConfig,
  migrations: readonly MigrationSource[],
): Promise<Diagnosis> {
  const input = { filters: NO_FILTERS, optInToShadowDatabase: false, migrationsList: listOf(migrations) };
  return withEngine(connection, MODEL, (engine) => engine.diagnoseMigrationHistory(input));
}

/** The SQL that leads from one schema text (null = an empty database) to another. Needs a connection only to exist. */
export async function diffSchemas(connection: pg.PoolConfig, from: string | null, to: string): Promise<string> {
  return withEngine(connection, to, async (engine) => {
    const files = (content: string) => [{ path: 'schema.prisma', content }];
    const result = await engine.diff({
      from: from === null ? { tag: 'empty' } : { tag: 'schemaDatamodel', files: files(from) },
      to: { tag: 'schemaDatamodel', files: files(to) },
      script: true,
      exitCode: true,
      shadowDatabaseUrl: null,
      filters: NO_FILTERS,
    });
    return result.stdout ?? '';
  });
}

function listOf(migrations: readonly MigrationSource[]): unknown {
  return {
    baseDir: 'prisma/migrations',
    shadowDbInitScript: '',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  };
}
