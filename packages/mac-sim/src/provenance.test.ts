/** Goal: every output has a row that says what it is worth, and a claim of "captured" names captures that exist. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bootMac } from './power.ts';
import { countProvenance, provenanceRows } from './provenance.ts';
import { allOutputs } from './render/table.ts';
import { newMac } from './testing/macs.ts';

const FIXTURES = new URL('../../../test/fixtures/macos/', import.meta.url);

describe('provenance', () => {
  it.each(['T6020', 'VMAPPLE', 'X86_64'])('every output of %s has exactly one row', (variant) => {
    const state = bootMac(newMac({ variant }));
    if (state.boot === null) throw new Error('not booted');
    const key = (tool: string, form: string): string => `${tool} ${form}`;
    const rows = provenanceRows(state).map(({ tool, form }) => key(tool, form));
    for (const { tool, args } of allOutputs(state, state.boot))
      expect(rows.filter((row) => row === key(`/${tool}`, args))).toHaveLength(1);
  });

  it('captured rows name a folder of captures', () => {
    for (const { provenance, source, tool } of provenanceRows().filter((row) => row.tool.startsWith('/'))) {
      expect(source, tool).not.toBe('');
      const folder = /^[a-z_]+\//.exec(source)?.[0];
      if (provenance === 'captured')
        expect(folder !== undefined && existsSync(new URL(folder, FIXTURES)), source).toBe(true);
    }
  });

  it('a kernel text that nobody published makes its outputs invented', () => {
    const kind = (version: string, build: string): unknown =>
      provenanceRows(bootMac(newMac({ version, build }))).find(
        ({ tool, form }) => tool === '/usr/bin/uname' && form === '-v',
      )?.provenance;
    expect(kind('15.1', '24B82')).toBe('captured');
    expect(kind('14.5', '23F79')).toBe('invented');
  });

  it('counts add up', () => {
    const rows = provenanceRows();
    const { captured, documented, invented } = countProvenance(rows);
    expect(captured + documented + invented).toBe(rows.length);
    expect(Math.min(captured, documented, invented)).toBeGreaterThan(0);
  });
});
