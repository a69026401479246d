// npm run fuzz: mutated captures, property lists and Mach-O files against all parsers, for a bounded time; and the facts as a whole from
// mutated outputs of all tools at once. No crash, no hang (a limit for each parse), no value of a wrong type, nothing raised that no tool
// has said. The same seed gives the same inputs.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { checkNode, ensureInstalled, node, optionsOf, root } from '../bin/bootstrap.mjs';

const USAGE = `npm run fuzz -- [options]
  --seconds S      how long (default 60)
  --seed N         the same seed gives the same inputs
  --target NAME    one parser only`;
const values = optionsOf(USAGE, {
  seconds: { type: 'string', default: '60' },
  seed: { type: 'string' },
  target: { type: 'string' },
});
checkNode();
ensureInstalled();
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed))
  throw new Error('--seconds takes a number above 0, --seed a whole number');

const HANG_MS = 20_000;
const FAILURES_MAX = 20;
const { build } = await import('esbuild');
node('node_modules/typescript/bin/tsc', ['-b', 'apps/agent', 'packages/mac-sim']);

// The bundle lies in the project, so that its imports and the captures are found; inputs lie in memory where there is such a place.
const built = join(root, '.cache/fuzz/scripts/fuzz/worker.mjs');
const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'headroom-fuzz-'));
mkdirSync(join(built, '..'), { recursive: true });
await build({
  entryPoints: [join(root, 'scripts/fuzz/worker.ts')],
  outfile: built,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  define: { 'import.meta.url': JSON.stringify(new URL('../test/captures/capture.ts', import.meta.url).href) },
  absWorkingDir: root,
  logLevel: 'warning',
  plugins: [{ name: 'play tools', setup: playTools }],
});

const shared = new SharedArrayBuffer(5 * 4);
const beat = new Int32Array(shared);
const totals = new Map();
const failures = [];
let described = [];
const startedAt = Date.now();
const worker = new Worker(built, { workerData: { seed, folder, shared, only: values.target ?? null } });
const why = await new Promise((resolve) => {
  worker.on('message', (message) => {
    if (message.kind === 'ready') described = message.targets;
    else if (message.kind === 'batch') add(message);
    else if (failures.push(message) >= FAILURES_MAX) resolve('too many failures');
    if (Date.now() - startedAt >= seconds * 1000) resolve('time');
  });
  worker.on('error', (error) => resolve(`the worker died: ${error.stack}`));
  watchForHang(resolve);
  setTimeout(() => resolve('time'), seconds * 1000 + HANG_MS).unref();
});
await worker.terminate();
rmSync(folder, { recursive: true, force: true });
report();

/** The agent's own code, but no process is started: a tool ends as an input says. */
function playTools({ onResolve }) {
  onResolve({ filter: /^\.\/child\.ts$/ }, () => ({ path: join(root, 'scripts/fuzz/played-child.ts') }));
}

function add({ target, inputs, parses, longestMs }) {
  const before = totals.get(target) ?? { inputs: 0, parses: 0, longestMs: 0 };
  totals.set(target, {
    inputs: before.inputs + inputs,
    parses: before.parses + parses,
    longestMs: Math.max(before.longestMs, longestMs),
  });
}

function watchForHang(resolve) {
  let last = -1;
  let since = Date.now();
  setInterval(() => {
    const now = Atomics.load(beat, 4);
    if (now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > HANG_MS && described.length > 0) {
      const [target, batch, number, parser] = beat;
      const { name, parsers } = described[target];
      failures.push({
        target: name,
        parser: parsers[parser],
        batch,
        number,
        wrong: `hangs for more than ${HANG_MS} ms`,
      });
      resolve('a hang');
    }
  }, 500).unref();
}

function report() {
  for (const { target, parser, batch, number, wrong, input } of failures) {
    const file = input === undefined ? null : join(tmpdir(), `headroom-fuzz-${seed}-${target}-${batch}-${number}.bin`);
    if (file !== null) writeFileSync(file, input);
    console.log(
      `FAILED ${target} ${parser}, seed ${seed} batch ${batch} input ${number}${file === null ? '' : ` (${file})`}: ${wrong}`,
    );
  }
  let [inputs, parses] = [0, 0];
  for (const [name, total] of totals) {
    console.log(
      `${name.padEnd(9)} ${total.inputs} inputs, ${total.parses} parses, longest ${total.longestMs.toFixed(0)} ms`,
    );
    inputs += total.inputs;
    parses += total.parses;
  }
  const took = ((Date.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `seed ${seed}: ${inputs} inputs, ${parses} parses, ${failures.length} failures in ${took} s (ended by: ${why})`,
  );
  process.exit(failures.length === 0 && why === 'time' ? 0 : 1);
}
