/** `headroom-controller export` and `import`: a whole fleet as one file. */
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { SystemClock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import { migrate, underLock } from '../db/open.ts';
import { withClient } from '../db/with-client.ts';
import { exportFleet } from './export-fleet.ts';
import { type ExportSummary, NOT_INCLUDED } from './export-format.ts';
import { importFleet } from './import-fleet.ts';
import { type Place, withReadable, withWritable } from './reach.ts';

const log = logger('data');

export const DATA_USAGE = `headroom-controller export --state-dir DIR --out FILE   the fleet's database as one file; beside a running controller too
headroom-controller import --state-dir DIR --in FILE    loads it into an empty database of the same or a newer version
  Keys, certificates of the controller and KDK images are files, not in it: copy DIR/keys and DIR/kdks yourself (docs/export.md).
Environment: DATABASE_URL uses that Postgres instead of the embedded one under DIR.`;

export async function runExport(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { place, file } = readOptions('out', args, env);
  if (existsSync(file)) throw new Problem('CONFLICT', `${file} exists already; an export overwrites nothing.`);
  const partial = `${file}.partial`;
  const out = await create(partial);
  try {
    const summary = await withReadable(place, (connection) =>
      withClient(connection, (client) => exportFleet(client, out, new SystemClock().now())),
    );
    await flush(partial);
    await rename(partial, file);
    tell(file, summary);
    log(`not in ${file}: ${NOT_INCLUDED.join('; ')}`);
  } catch (error) {
    out.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

export async function runImport(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { place, file } = readOptions('in', args, env);
  if (!existsSync(file)) throw new Problem('NOT_FOUND', `There is no file ${file}.`);
  const summary = await withWritable(place, (connection) =>
    underLock(connection, async (client) => {
      await migrate(connection);
      return importFleet(client, createReadStream(file));
    }),
  );
  tell(file, summary);
  log(`the controller's keys and KDK images are not in an export: without the old DIR/keys no agent can connect`);
}

function readOptions(
  name: 'in' | 'out',
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): { readonly place: Place; readonly file: string } {
  const options = {
    'state-dir': { type: 'string', default: '.headroom-controller' },
    [name]: { type: 'string' },
  } as const;
  let values: Record<string, string | boolean | undefined>;
  try {
    values = parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw new Problem('VALIDATION_FAILED', `${(error as Error).message}\n${DATA_USAGE}`);
  }
  const file = values[name];
  if (typeof file !== 'string' || file === '')
    throw new Problem('VALIDATION_FAILED', `--${name} FILE is missing\n${DATA_USAGE}`);
  const place = { stateDir: resolve(String(values['state-dir'])), databaseUrl: env['DATABASE_URL'] || null };
  return { place, file: resolve(file) };
}

/** Before anything else is begun: a stream that opens its file later would tell an error that nobody listens for yet. */
async function create(file: string): Promise<Writable> {
  try {
    return (await open(file, 'w', 0o600)).createWriteStream();
  } catch (error) {
    throw new Problem('NOT_FOUND', `${file} cannot be written: ${(error as Error).message}`);
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync();
  await handle.close();
}

/** One line of JSON for scripts. */
function tell(file: string, summary: ExportSummary): void {
  process.stdout.write(`${JSON.stringify({ file, ...summary })}\n`);
}
