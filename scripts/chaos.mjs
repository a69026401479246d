// npm run chaos: the whole product (controller, Postgres, agents on simulated Macs, people) under faults at random times; see docs/faults.md. Exit status 1 when
// anything that must hold did not.
import { checkNode, ensureBuilt, ensureInstalled, optionsOf, root } from '../bin/bootstrap.mjs';
import { importSource } from './import-source.mjs';

const USAGE = `npm run chaos -- [options]
  --seed N       the faults of this run (default: from the clock); with --runs the first of several
  --seconds S    how long faults strike in a run (default 30)
  --runs N       as many runs, each with the next seed (default 1)
  --macs N       simulated Macs (default 2)
  --only TEXT    faults whose name holds it
  --keep         leave the state folder of a run that went wrong
  --no-build     what is built is new enough`;
const values = optionsOf(USAGE, {
  seed: { type: 'string' },
  seconds: { type: 'string', default: '30' },
  runs: { type: 'string', default: '1' },
  macs: { type: 'string', default: '2' },
  only: { type: 'string', default: '' },
  keep: { type: 'boolean', default: false },
  'no-build': { type: 'boolean' },
});
const [seconds, runs, macs] = [values.seconds, values.runs, values.macs].map(Number);
const first = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
if (!(seconds > 0) || !(macs > 0) || ![runs, macs, first].every((value) => Number.isInteger(value) && value >= 0))
  throw new Error('--seconds takes a number above 0; --seed, --runs and --macs take whole numbers, --macs one above 0');
checkNode();
ensureInstalled();
if (!values['no-build']) ensureBuilt();

const { chaos } = await importSource(root, 'test/chaos/chaos.ts');
const failed = [];
for (let seed = first; seed < first + runs; seed += 1) {
  console.log(`seed ${seed}`);
  const result = await chaos({ root, seed, seconds, macs, only: values.only, keep: values.keep, say: console.log });
  const { faults, remedies, wrong, convergedMs, revertedMs } = result;
  console.log(
    `seed ${seed}: ${faults.length} faults, ${remedies.length} done by hand (${[...new Set(remedies)].join('; ') || 'nothing'}), ` +
      `raised after ${(convergedMs / 1000).toFixed(1)} s, back after ${(revertedMs / 1000).toFixed(1)} s`,
  );
  if (wrong.length === 0) continue;
  failed.push(seed);
  console.log(`FAILED seed ${seed}: npm run chaos -- --seed ${seed} --seconds ${seconds} --macs ${macs}`);
  for (const one of wrong) console.log(`  ${one}`);
  if (values.keep) console.log(`  everything is in ${result.stateDir}`);
}
console.log(`${runs} runs, ${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(' ')}`}`);
process.exit(failed.length === 0 ? 0 : 1);
