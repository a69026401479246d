/** Goal: nothing is called captured whose capture is not in the repository. */
import { describe, expect, it } from 'vitest';
import { capture } from './harness.fixture.ts';
import { DOING_PROVENANCE } from './provenance.ts';

describe('DOING_PROVENANCE', () => {
  it('names an existing file for every captured form and a reason for every other', () => {
    for (const { tool, form, provenance, source } of DOING_PROVENANCE) {
      if (provenance === 'captured') expect(capture(source), `${tool} ${form}`).not.toBe('');
      else expect(source.length, `${tool} ${form}`).toBeGreaterThan(5);
    }
  });

  it('has each form once', () => {
    const names = DOING_PROVENANCE.map(({ tool, form }) => `${tool} ${form}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
