// What every launcher needs before it can do its work: the right Node, the dependencies, a build. Uses nothing but Node.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_MIN = [20, 19];

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`Headroom needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}

/** Installs what package-lock.json says, when node_modules is missing or older than the lockfile. Returns ms spent. */
export function ensureInstalled() {
  const from = Date.now();
  const marker = join(root, 'node_modules/.package-lock.json');
  if (existsSync(marker) && mtime(marker) >= mtime(join(root, 'package-lock.json'))) return 0;
  say('installing dependencies (npm ci), about half a minute...');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { shell: process.platform === 'win32' });
  return Date.now() - from;
}

/** Generates the database client when the schema is newer, compiles, and bundles the simulated Mac's tools. Returns ms spent. */
export function ensureBuilt() {
  const from = Date.now();
  const client = join(root, 'apps/controller/src/db/generated/client.ts');
  if (!existsSync(client) || mtime(client) < mtime(join(root, 'prisma/schema.prisma')))
    node('scripts/generate-prisma.mjs');
  node('node_modules/typescript/bin/tsc', ['-b']);
  const bundled = join(root, 'packages/mac-sim/dist/tools/recovery.js');
  const builtAt = Math.max(
    ...['core', 'mac-sim'].map((name) => mtime(join(root, `packages/${name}/dist/.tsbuildinfo`))),
  );
  if (!existsSync(bundled) || mtime(bundled) < builtAt) node('scripts/bundle-tools.mjs');
  return Date.now() - from;
}

/** The options of a script, whose `usage` --help prints. Exit status 2 for what it does not know. */
export function optionsOf(usage, options, args = process.argv.slice(2)) {
  try {
    const { values } = parseArgs({ args, options: { ...options, help: { type: 'boolean', short: 'h' } } });
    if (!values.help) return values;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    say(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

/** A launcher's way to a built program. */
export async function runBuilt(path) {
  checkNode();
  const file = join(root, path);
  if (!existsSync(file)) fail(`${path} is not built yet. Run \`npm run build\` in ${root} first.`);
  await import(file);
}

export function node(script, args = [], options = {}) {
  run(process.execPath, [join(root, script), ...args], options);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

export function say(text) {
  process.stderr.write(`headroom: ${text}\n`);
}

function mtime(path) {
  return statSync(path).mtimeMs;
}

function fail(text) {
  say(text);
  process.exit(1);
}
