// npm run check: types, lint and format, import directions, generated files fresh, migrations equal to the schema.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from './bootstrap.mjs';

checkNode();
ensureInstalled();
ensureBuilt();

const CHECKS = [
  ['types of the tests', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.test.json']],
  ['lint and format', 'node_modules/@biomejs/biome/bin/biome', ['check', '.']],
  ['import directions', 'scripts/check-imports.mjs'],
  ['generated files', 'scripts/check-generated.mjs'],
  ['wire compatible with the last release', 'scripts/check-proto.mjs'],
  ['migrations', 'scripts/check-migrations.mjs'],
];

let failed = 0;
for (const [name, script, args = []] of CHECKS) {
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
