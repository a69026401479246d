/**
 * Runs the targets in turn, batch by batch, and says after each what was done. Before each parse it writes which one it is into
 * shared memory, so that the main thread sees a parser that never comes back.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type Parser, type Target, targets } from './targets.ts';

const { seed, folder, shared, only } = workerData as {
  seed: number;
  folder: string;
  shared: SharedArrayBuffer;
  only: string | null;
};
const beat = new Int32Array(shared);
const RETRIES = 3;

// What a target lays out goes where the inputs lie, and with them.
process.env['TMPDIR'] = folder;
const all = targets(seed, folder).filter(({ name }) => only === null || name === only);
parentPort?.postMessage({
  kind: 'ready',
  targets: all.map(({ name, limitMs, parsers }) => ({ name, limitMs, parsers: parsers.map((parser) => parser.name) })),
});
for (const target of all) await target.prove?.();
for (let batch = 0; ; batch += 1) for (const [at, target] of all.entries()) await runBatch(target, at, batch);

async function runBatch(target: Target, at: number, batch: number): Promise<void> {
  let longestMs = 0;
  const inputs = target.inputs(batch);
  for (const [number, input] of inputs.entries()) {
    for (const [which, parser] of target.parsers.entries()) {
      beat.set([at, batch, number, which]);
      Atomics.add(beat, 4, 1);
      const { ms, wrong } = await runOne(parser, input, target.limitMs);
      longestMs = Math.max(longestMs, ms);
      if (wrong !== null)
        parentPort?.postMessage({
          kind: 'failure',
          target: target.name,
          parser: parser.name,
          batch,
          number,
          wrong,
          input,
        });
    }
  }
  parentPort?.postMessage({
    kind: 'batch',
    target: target.name,
    inputs: inputs.length,
    parses: inputs.length * target.parsers.length,
    longestMs,
  });
}

/** A machine that is busy elsewhere makes one run slow, a slow parser makes all of them slow. */
async function runOne(
  parser: Parser,
  input: Uint8Array,
  limitMs: number,
): Promise<{ ms: number; wrong: string | null }> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RETRIES; run += 1) {
    const from = performance.now();
    try {
      const wrong = await parser.check(input);
      best = Math.min(best, performance.now() - from);
      if (wrong !== null) return { ms: best, wrong };
    } catch (error) {
      return {
        ms: performance.now() - from,
        wrong: `crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      };
    }
    if (best <= limitMs) return { ms: best, wrong: null };
  }
  return { ms: best, wrong: `took ${best.toFixed(0)} ms, at most ${limitMs} expected` };
}
