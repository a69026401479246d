// npm test: installs and builds what is missing, runs every test, and ends with one line: N passed, N failed.
// It never installs system packages: what it must skip is named with the way to get it. HEADROOM_NO_SKIPS=1 forbids skips.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from './bootstrap.mjs';

checkNode();
ensureInstalled();
ensureBuilt();

const folder = mkdtempSync(join(tmpdir(), 'headroom-results-'));
const results = join(folder, 'results.json');
const args = [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${results}`,
  ...process.argv.slice(2),
];
const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
const code = await new Promise((resolve) => child.once('exit', resolve));

let passed = 0;
let failed = code === 0 ? 0 : 1;
let skipped = [];
try {
  const report = JSON.parse(readFileSync(results, 'utf8'));
  passed = report.numPassedTests;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  failed = report.numFailedTests + brokenFiles;
  if (code !== 0 && failed === 0) failed = 1;
  skipped = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === 'pending' || test.status === 'skipped')
      .map((test) => test.fullName),
  );
} catch (error) {
  console.error(`no test results could be read: ${error.message}`);
  failed = 1;
}
rmSync(folder, { recursive: true, force: true });
for (const name of skipped) console.log(`skipped: ${name}`);
if (skipped.length > 0)
  console.log(
    `${skipped.length} test(s) were SKIPPED: nothing is shown of what they would show.\n` +
      'Skipped tests name the tool they need; on Debian: apt-get install -y redis-server shellcheck busybox mksh python3-macholib llvm-19 libxml2-utils postgresql-15',
  );
if (skipped.length > 0 && process.env.HEADROOM_NO_SKIPS === '1') {
  console.log(`${skipped.length} skipped test(s) count as failed here (HEADROOM_NO_SKIPS=1)`);
  failed += skipped.length;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
