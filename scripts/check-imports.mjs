// Import directions (.dependency-cruiser.cjs) on the compiled files. A check that reads nothing would be green for ever, so it
// also plants a violation of each kind and insists that it is found.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const FOLDERS = [
  'packages/core',
  'packages/proto',
  'packages/mac-sim',
  'packages/quickstart',
  'apps/agent',
  'apps/controller',
];
const PLANTS = [
  ['packages/core/dist/planted/a.js', "import 'node:fs';"],
  ['packages/mac-sim/dist/planted/a.js', "import '../../../../apps/agent/dist/version.js';"],
  ['apps/agent/dist/planted/a.js', "import 'zod';"],
  ['apps/controller/dist/planted/a.js', "import '../../../../packages/mac-sim/dist/index.js';"],
  ['packages/quickstart/dist/planted/a.js', "import './b.js';"],
];

const options = await extractOptions('./.dependency-cruiser.cjs');

function removePlants() {
  for (const folder of FOLDERS) rmSync(`${folder}/dist/planted`, { recursive: true, force: true });
}

async function violations() {
  const { output } = await cruise(
    FOLDERS.map((folder) => `${folder}/dist`),
    { ...options, validate: true },
  );
  const { violations, totalCruised } = output.summary;
  return { found: violations.filter(({ rule }) => rule.severity === 'error'), files: totalCruised };
}

removePlants();
const { found, files } = await violations();
for (const { rule, from, to } of found) console.error(`${rule.name}: ${from} -> ${to}`);

for (const [path, text] of [...PLANTS, ['packages/quickstart/dist/planted/b.js', "import './a.js';"]]) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${text}\n`);
}
const planted = await violations();
removePlants();
const missed = PLANTS.filter(([path]) => !planted.found.some(({ from }) => from === path));
for (const [path, text] of missed) console.error(`a planted violation was not found: ${path}: ${text}`);

console.log(
  `${files} files read, ${found.length} wrong imports, ${PLANTS.length - missed.length} of ${PLANTS.length} planted ones found`,
);
process.exit(found.length === 0 && missed.length === 0 ? 0 : 1);
