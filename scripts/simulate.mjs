// npm run simulate: the simulation of rollouts, jobs, agents and faults of test/simulation, for many seeds and a bounded time. Exit status 1 when anything that must
// hold did not.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, optionsOf, root } from '../bin/bootstrap.mjs';
import { importSource } from './import-source.mjs';

const USAGE = `npm run simulate -- [options]
  --seeds N      as many runs (default 1000)
  --seconds S    no new run after that (default 300)
  --seed N       replays one run exactly, shows what happened in it, and if it fails the shortest list of commands that fails
  --postgres     the model of test/simulation/postgres.test.ts instead, on a real Postgres, for --seconds, from --seed
  --no-build     what is built is new enough`;
const values = optionsOf(USAGE, {
  seeds: { type: 'string', default: '1000' },
  seconds: { type: 'string', default: '300' },
  seed: { type: 'string' },
  postgres: { type: 'boolean' },
  'no-build': { type: 'boolean' },
});
const [seeds, seconds] = [Number(values.seeds), Number(values.seconds)];
if (!(seeds > 0) || !(seconds > 0) || (values.seed !== undefined && !Number.isInteger(Number(values.seed))))
  throw new Error('--seeds and --seconds take numbers above 0, --seed a whole number');
checkNode();
ensureInstalled();
if (!values['no-build']) ensureBuilt();
if (values.postgres) process.exit(onPostgres());

const { simulate } = await importSource(root, 'test/simulation/simulate.ts');

const startedAt = Date.now();
const first = values.seed === undefined ? startedAt % 2 ** 31 : Number(values.seed);
const totals = { runs: 0, events: 0, jobs: 0, visits: 0, rollouts: 0, flips: 0, stops: 0, faults: 0 };
const faults = new Map();
const failed = [];
let longestMinutes = 0;
const runs = values.seed === undefined ? seeds : 1;
while (totals.runs < runs && (Date.now() - startedAt < seconds * 1000 || totals.runs === 0)) {
  const result = await simulate({ seed: first + totals.runs }, values.seed !== undefined);
  totals.runs += 1;
  for (const key of ['events', 'jobs', 'visits', 'rollouts', 'flips', 'stops']) totals[key] += result[key];
  for (const [name, count] of result.faults) {
    const kind = name.replace(/ \(.*\)$/, '');
    faults.set(kind, (faults.get(kind) ?? 0) + count);
    totals.faults += count;
  }
  longestMinutes = Math.max(longestMinutes, Math.round(result.convergedMs / 60_000));
  if (values.seed !== undefined) console.log(result.trace.join('\n'));
  if (result.violation === null) continue;
  failed.push(result.seed);
  if (values.seed === undefined) console.log(result.trace.slice(-30).join('\n'));
  if (values.seed !== undefined) console.log(result.shortest.join('\n'));
  console.log(`FAILED seed ${result.seed}: ${result.violation}\n  replay: npm run simulate -- --seed ${result.seed}`);
}

for (const [name, count] of [...faults].sort()) console.log(`${name.padEnd(28)} ${count}`);
const took = ((Date.now() - startedAt) / 1000).toFixed(0);
console.log(
  `seeds ${first} to ${first + totals.runs - 1}: ${totals.runs} runs, ${totals.events} events, ${totals.faults} faults, ` +
    `${totals.rollouts} rollouts, ${totals.flips} intents set, ${totals.stops} stops, ${totals.jobs} jobs, ${totals.visits} visits, slowest return ${longestMinutes} min, ${failed.length} failed, ${took} s`,
);
process.exit(failed.length === 0 ? 0 : 1);

/** The seed and path of a failure are printed by the test itself. */
function onPostgres() {
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/simulation/postgres.test.ts'];
  const env = { ...process.env, HEADROOM_SECONDS: String(seconds) };
  if (values.seed !== undefined) env.HEADROOM_SEED = values.seed;
  return spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
}
