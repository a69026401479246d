/** Goal: nothing is called captured that nobody has seen on a Mac. */
import { describe, expect, it } from 'vitest';
import { capture } from './harness.fixture.ts';
import { DOING_PROVENANCE } from './provenance.ts';

/** File -> kind, as the index of the captures says. */
const KINDS = new Map(
  [...capture('INDEX.md').matchAll(/^\| (\S+) \| [^|]* \| ([^|]+) \|/gm)].map(([, file, kind]) => [file, kind]),
);

describe('DOING_PROVENANCE', () => {
  it('calls captured only what the index of the captures calls verbatim or assembled from real lines', () => {
    for (const { tool, form, provenance, source } of DOING_PROVENANCE) {
      if (provenance === 'captured') expect(['verbatim', 'assembled'], `${tool} ${form}`).toContain(KINDS.get(source));
      else expect(source.length, `${tool} ${form}`).toBeGreaterThan(5);
    }
  });

  it('has each form once', () => {
    const names = DOING_PROVENANCE.map(({ tool, form }) => `${tool} ${form}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
