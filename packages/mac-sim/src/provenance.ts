/**
 * How much each simulated output is worth: one row per tool and argument form. Green on an invented output is no proof about
 * Macs, so the counts are public.
 */
import { macFor } from './catalogue/macs.ts';
import type { ProvenanceKind } from './catalogue/provenance-kind.ts';
import { kernelVersionText, systemFor } from './catalogue/systems.ts';
import { composeState } from './create.ts';
import { DOING_PROVENANCE } from './doing/provenance.ts';
import { UPDATE_FILES_PROVENANCE } from './offer.ts';
import { RECOVERY_PROVENANCE } from './recovery/provenance.ts';
import { allOutputs } from './render/table.ts';
import type { Boot, SimState } from './state.ts';

export interface ProvenanceRow {
  /** `/usr/bin/csrutil`, `changing kmutil` for a text of a tool that changes things, `recoveryOS csrutil`, or `file /…`. */
  readonly tool: string;
  readonly form: string;
  readonly provenance: ProvenanceKind;
  readonly source: string;
}

export type ProvenanceCounts = Readonly<Record<ProvenanceKind, number>>;

/** Rows for one Mac; without one, for a Mac whose kernel texts are captured, stock and just booted. */
export function provenanceRows(state: SimState = referenceState()): readonly ProvenanceRow[] {
  if (state.boot === null) throw new Error(`${state.id}: power is ${state.power}; start macOS to see its outputs`);
  const macos = allOutputs(state, state.boot).map(({ tool, args, provenance, source }) => ({
    tool: `/${tool}`,
    form: args,
    provenance,
    source,
  }));
  const recovery = RECOVERY_PROVENANCE.map((row) => ({ ...row, tool: `recoveryOS ${row.tool}` }));
  const doing = DOING_PROVENANCE.map((row) => ({ ...row, tool: `changing ${row.tool}` }));
  return [...macos, ...doing, ...recovery, ...UPDATE_FILES_PROVENANCE];
}

export function countProvenance(rows: readonly ProvenanceRow[]): ProvenanceCounts {
  const counts = { captured: 0, documented: 0, invented: 0 };
  for (const { provenance } of rows) counts[provenance] += 1;
  return counts;
}

function referenceState(): SimState {
  const system = systemFor('15.1', '24B82');
  const state = composeState('reference', macFor('T8122'), system, {});
  const boot: Boot = {
    sessionId: state.volumes.group,
    time: '2026-01-01T00:00:00.000Z',
    kernel: 'release',
    kernelUuid: state.volumes.group,
    filesetUuid: state.volumes.group,
    kernelVersionText: kernelVersionText(system, 'T8122', 'release'),
    bootArgsInForce: '',
    honoursQuota: false,
  };
  return { ...state, power: 'macos', boot };
}
