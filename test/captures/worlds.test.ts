/** A small part of `npm run fuzz -- --target facts`: the facts as a whole from mutated outputs of all tools at once, and mutated files. */
import { afterAll, expect, it, vi } from 'vitest';
import { factsTarget } from '../../scripts/fuzz/facts-target.ts';

vi.mock('../../apps/agent/src/macos/child.ts', () => import('../../scripts/fuzz/played-child.ts'));

const SEED = 20261128;
const target = factsTarget(SEED);
afterAll(() => target.remove());

it('gives facts that fit and explain themselves, and calls nothing raised that no tool has said', {
  timeout: 120_000,
}, async () => {
  await target.prove();
  const found: string[] = [];
  for (const batch of [0, 1, 2])
    for (const input of target.inputs(batch))
      for (const parser of target.parsers) found.push((await parser.check(input)) ?? '');
  expect(found).toHaveLength(3 * target.inputsPerBatch);
  expect(found.filter((wrong) => wrong !== '')).toEqual([]);
});
