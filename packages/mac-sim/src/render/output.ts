/** One thing a reading tool prints: for one tool and one argument form, in one state. */
import type { ProvenanceKind } from '../catalogue/provenance-kind.ts';

export interface Output {
  /** Path on the Mac, without the leading `/`, e.g. usr/bin/csrutil. */
  readonly tool: string;
  /** Arguments as typed, joined with a blank. */
  readonly args: string;
  readonly out: string;
  readonly err?: string;
  /** Exit status; default 0. */
  readonly status?: number;
  readonly provenance: ProvenanceKind;
  /** Capture file, manual page, or why it is invented. */
  readonly source: string;
}

/** A tool whose forms all come from the table. */
export function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}
