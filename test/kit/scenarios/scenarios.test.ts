/**
 * Plays the scenarios. In `npm test` the marked ones, in dash; `npm run scenarios` sets HEADROOM_SCENARIOS and plays all of them
 * in dash and bash, the chosen ones in busybox ash and mksh too.
 */
import { describe, expect, it } from 'vitest';
import { isHere } from '../shells.ts';
import { documentText } from './document.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './table.ts';

const TIMEOUT_MS = 120_000;
const playsAll = process.env['HEADROOM_SCENARIOS'] === 'all';

function shellsOf({ inTests, inMoreShells }: Scenario): readonly string[] {
  if (!playsAll) return inTests ? ['dash'] : [];
  return ['dash', 'bash --posix', ...(inMoreShells ? ['busybox ash', 'mksh'] : [])];
}

describe.each(SCENARIOS)('$title', ({ scenarios }) => {
  const rows = scenarios.flatMap((scenario) => shellsOf(scenario).map((shell) => ({ scenario, shell })));
  for (const { scenario, shell } of rows) {
    const title = `${scenario.name}, ${shell}: ends ${scenario.finally}`;
    it.skipIf(!isHere(shell)).concurrent(title, () => play(scenario, shell), TIMEOUT_MS);
  }
});

describe('the table', () => {
  it('names each scenario once, and ten for more shells', () => {
    const all = SCENARIOS.flatMap(({ scenarios }) => scenarios);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(all.filter(({ inMoreShells }) => inMoreShells).length).toBeGreaterThanOrEqual(10);
  });

  it('is what docs/scenarios.md says (renew it with: npm run scenarios -- --write-docs)', async () => {
    await expect(documentText()).toMatchFileSnapshot('../../../docs/scenarios.md');
  });
});
