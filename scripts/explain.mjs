// Writes docs/query-plans.md: the plans of the hot paths on a large fleet, as the test of the same name sees them.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/data/query-plans.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, HEADROOM_WRITE_PLANS: '1' },
});
process.exit(status ?? 1);
