// npm run bench -- NAME [options]: one benchmark; it ends with one JSON line {name, figures, targets, ok} and exits 1 when a
// target is missed. npm run bench -- --list says what there is. A benchmark is a file bench/NAME.mjs: {summary, options, run}.
import { readdirSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, optionsOf, root, say } from './bootstrap.mjs';

checkNode();
ensureInstalled();
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));
const load = (name) => import(new URL(`../bench/${name}.mjs`, import.meta.url).href);
const [name, ...args] = process.argv.slice(2);

if (name === '--list') {
  for (const each of names) console.log(`${each.padEnd(14)} ${(await load(each)).summary}`);
} else if (names.includes(name)) {
  process.exitCode = await bench(await load(name));
} else {
  say(
    `${name === undefined ? 'which benchmark?' : `no benchmark ${JSON.stringify(name)}.`} There are: ${names.join(', ')}`,
  );
  process.exitCode = 2;
}

async function bench({ summary, options, run }) {
  const usage = `npm run bench -- ${name} [options]\n  ${summary}`;
  const values = optionsOf(usage, { ...options, 'no-build': { type: 'boolean' } }, args);
  if (!values['no-build']) ensureBuilt();
  const loadBefore = loadavg()[0];
  const { figures, targets } = await run({ root, options: values, say });
  const missed = Object.entries(targets).filter(([key, limit]) => !holds(figures[key], limit));
  for (const [key, limit] of missed) say(`${key}: at most ${limit} expected, ${figures[key]} seen`);
  const machine = {
    cores: availableParallelism(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
  const result = {
    name,
    figures,
    targets,
    ok: missed.length === 0,
    machine,
    loadBefore: Number(loadBefore.toFixed(2)),
  };
  console.log(JSON.stringify(result));
  return result.ok ? 0 : 1;
}

/** A target is the highest figure allowed; a figure that could not be had misses it. */
function holds(figure, limit) {
  return typeof figure === 'number' && figure <= limit;
}
