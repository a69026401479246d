// Import directions (see ARCHITECTURE.md): packages never import apps, apps never import each other, core and proto import
// nothing of ours, core imports nothing at all, the agent has no zod and no certificate library, and no cycles.
// Reads the sources itself: a rule that reads no file would be green for ever, so it also insists on having read them,
// and `--self-test` plants a violation of each rule.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Package folder -> what its non-test sources may import from outside the folder. */
const MAY_IMPORT = {
  'packages/core': [],
  'packages/proto': [/^@grpc\/grpc-js$/, /^@bufbuild\/protobuf/],
  'packages/mac-sim': [/^node:/, /^@headroom\/core$/, /^@lydell\/node-pty$/],
  'packages/quickstart': [/^node:/, /^@headroom\/(core|mac-sim)/],
  'apps/agent': [/^node:/, /^@headroom\/(core|proto)$/, /^@grpc\/grpc-js$/, /^execa$/],
  'apps/controller': [
    /^node:/,
    /^@headroom\/(core|proto)$/,
    /^@(grpc\/grpc-js|nestjs\/.*|prisma\/.*|peculiar\/x509)$/,
    /^(pg|bullmq|ioredis|zod|rxjs|express|reflect-metadata)$/,
  ],
};

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

function sources(folder) {
  return readdirSync(join(root, folder, 'src'), { recursive: true })
    .map((name) => join(folder, 'src', name))
    .filter((path) => /\.ts$/.test(path) && !/\.test\.ts$/.test(path) && !/\/gen(erated)?\//.test(path));
}

function importsOf(text) {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
}

function violations(folder, path, text) {
  return importsOf(text).flatMap((target) => {
    const inside =
      target.startsWith('.') &&
      !relative(join(root, folder, 'src'), join(root, dirname(path), target)).startsWith('..');
    const allowed = inside || (!target.startsWith('.') && MAY_IMPORT[folder].some((rule) => rule.test(target)));
    return allowed ? [] : [`${path} must not import ${target}`];
  });
}

function cycles(graph) {
  const state = new Map();
  const found = [];
  const visit = (path, trail) => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open')
      return void found.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`);
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

/** Type-only imports make no cycle at run time. */
function edges(path, text) {
  const values = text.replace(/(?:^|\n)\s*(?:import|export)\s+type\s[^;]*;/g, '\n');
  return importsOf(values)
    .filter((target) => target.startsWith('.'))
    .map((target) => join(dirname(path), target));
}

function check(read) {
  const problems = [];
  const graph = new Map();
  let files = 0;
  for (const folder of Object.keys(MAY_IMPORT)) {
    const list = sources(folder);
    if (list.length === 0) problems.push(`no sources found in ${folder}`);
    for (const path of list) {
      const text = read(path);
      files += 1;
      problems.push(...violations(folder, path, text));
      graph.set(path, edges(path, text));
    }
  }
  return { problems: [...problems, ...cycles(graph)], files };
}

const readFile = (path) => readFileSync(join(root, path), 'utf8');

function selfTest() {
  const plants = [
    ['packages/core/src/quota.ts', "import 'node:fs';"],
    ['packages/mac-sim/src/index.ts', "import '../../../apps/agent/src/index.ts';"],
    ['apps/agent/src/index.ts', "import { z } from 'zod';"],
    ['packages/core/src/quota.ts', "import { x } from './boot-args.ts';"],
  ];
  for (const [path, line] of plants) {
    const { problems } = check((file) => (file === path ? `${line}\n${readFile(file)}` : readFile(file)));
    if (problems.length === 0) throw new Error(`a planted violation was not seen: ${path}: ${line}`);
  }
}

selfTest();
const { problems, files } = check(readFile);
for (const problem of problems) console.error(problem);
console.log(`${files} files read, ${problems.length} wrong imports`);
process.exit(problems.length === 0 ? 0 : 1);
