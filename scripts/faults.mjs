// npm run faults: the whole fault table of test/agent/faults: each step that changes a Mac, times kill and power cut at every change, each
// tool that hangs, a full disk under each folder, and wrong input. `-- -t TEXT` plays the cells whose title fits. `npm test` plays a part.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from '../bin/bootstrap.mjs';

const MINUTES_MAX = 90;

checkNode();
ensureInstalled();
ensureBuilt();
const { status, error } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/agent/faults', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, HEADROOM_FAULTS: 'all' }, timeout: MINUTES_MAX * 60_000 },
);
if (error !== undefined) console.error(`faults: ${error.message}`);
process.exit(status ?? 1);
