/**
 * Prisma's own schema engine as WASM, run in this process: it needs no binary from the internet, and the table
 * `_prisma_migrations` stays as the Prisma CLI would write it. The API is internal to Prisma, hence the exact version pin
 * and this one module.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, DriverAdapterError } from '@prisma/driver-adapter-utils';
import pg from 'pg';

export interface MigrationSource {
  readonly name: string;
  readonly sql: string;
}

/** Where to connect: fields of a pg pool, or `{connectionString}`. */
export type ConnectionSettings = pg.PoolConfig;

interface Engine {
  applyMigrations(input: unknown): Promise<{ appliedMigrationNames: string[] }>;
  diff(input: unknown): Promise<{ stdout?: string | null; exitCode: number }>;
  free?(): void;
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

/**
 * The adapter itself cuts a script at each semicolon and sends the pieces on any connection: a migration that fails or is killed
 * in the middle would stay half done. As one message Postgres does all of it or nothing, and a semicolon in a text is no end.
 * That it is done is recorded in the same message: the engine would do so afterwards, and a kill in between would leave a
 * migration that nobody can tell from one that was never run.
 */
class WholeScripts extends PrismaPg {
  constructor(
    private readonly pool: pg.Pool,
    private readonly migrations: ReadonlySet<string>,
  ) {
    super(pool);
  }

  override async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => {
      const whole = this.migrations.has(script) ? `${script}\n;${RECORD_DONE}` : script;
      await this.pool.query(whole).catch(rethrow);
    };
    return adapter;
  }
}

/** The engine notes that it begins a migration, runs it, and notes its end. One is under way at a time. */
const UNDER_WAY = 'finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NULL';
const RECORD_DONE = `UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE ${UNDER_WAY}`;

/** A begun one that neither ended nor gave a reason was killed before anything of it was done: it is begun anew. */
async function forgetKilled(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ known: string | null }>(`SELECT to_regclass('_prisma_migrations') AS known`);
  if (rows[0]?.known) await pool.query(`DELETE FROM _prisma_migrations WHERE ${UNDER_WAY}`);
}

/** In the form that the engine records as the reason of a failed migration. */
function rethrow(error: unknown): never {
  if (!(error instanceof pg.DatabaseError)) throw error;
  const { code = 'N/A', severity = 'N/A', message, detail, column, hint } = error;
  throw new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint });
}

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
  connection: ConnectionSettings,
  schema: string,
  migrations: readonly MigrationSource[],
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  loading ??= loadModule();
  const module = await loading;
  // Ours to end: the engine keeps its own lock, which others wait for, as long as its connections live.
  const pool = new pg.Pool(connection);
  try {
    if (migrations.length > 0) await forgetKilled(pool);
    const scripts = new WholeScripts(pool, new Set(migrations.map(({ sql }) => sql)));
    const factory = bindMigrationAwareSqlAdapterFactory(scripts);
    const engine = await module.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, factory);
    return await work(engine);
  } finally {
    await pool.end();
  }
}

/** Applies what is not applied yet, in order of name; returns the names applied now. A failed one blocks all later runs, a killed one none. */
export async function applyMigrations(
  connection: ConnectionSettings,
  schema: string,
  migrations: readonly MigrationSource[],
): Promise<readonly string[]> {
  return withEngine(connection, schema, migrations, async (engine) => {
    const result = await engine.applyMigrations({
      filters: NO_FILTERS,
      migrationsList: {
        baseDir: 'prisma/migrations',
        shadowDbInitScript: '',
        lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
        migrationDirectories: migrations.map(({ name, sql }) => ({
          path: name,
          migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
        })),
      },
    });
    return result.appliedMigrationNames;
  });
}

/** The SQL that leads from one schema text (null = an empty database) to another. Needs a connection only to exist. */
export async function diffSchemas(connection: ConnectionSettings, from: string | null, to: string): Promise<string> {
  return withEngine(connection, to, [], async (engine) => {
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
