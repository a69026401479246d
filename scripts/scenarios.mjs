// npm run scenarios: plays every scenario of test/kit/scenarios in every shell it is meant for, in bounded time.
// `-- -t NAME` plays those whose title fits; `-- --write-docs` only writes docs/scenarios.md anew.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNode, ensureBuilt, ensureInstalled } from '../bin/bootstrap.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MINUTES_MAX = 20;
const args = process.argv.slice(2);
const writesDocs = args.includes('--write-docs');

checkNode();
ensureInstalled();
ensureBuilt();
const chosen = writesDocs ? ['--update', '-t', 'docs/scenarios.md'] : args;
const child = spawn(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/kit/scenarios', ...chosen],
  { cwd: root, stdio: 'inherit', env: { ...process.env, HEADROOM_SCENARIOS: writesDocs ? '' : 'all' } },
);
const timeout = setTimeout(() => {
  console.error(`scenarios: not over within ${MINUTES_MAX} minutes`);
  child.kill('SIGKILL');
}, MINUTES_MAX * 60_000);
const code = await new Promise((resolve) => child.once('exit', resolve));
clearTimeout(timeout);
process.exit(code ?? 1);
