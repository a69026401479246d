/**
 * Forms: the texts that simulated programs print, each with where its wording comes from. A captured form names its file
 * below test/fixtures/macos; an invented one says that nobody showed us the real text.
 */
import type { ProvenanceKind } from '../catalogue/provenance-kind.ts';

export interface Form<Args extends readonly unknown[]> {
  readonly provenance: ProvenanceKind;
  readonly source: string;
  readonly text: (...args: Args) => string;
}

export interface FormProvenance {
  readonly tool: string;
  readonly form: string;
  readonly provenance: ProvenanceKind;
  readonly source: string;
}

/** Wording seen in public output; `source` is the capture's file name. */
export function captured<Args extends readonly unknown[]>(source: string, text: (...args: Args) => string): Form<Args> {
  return { provenance: 'captured', source, text };
}

export function documented<Args extends readonly unknown[]>(
  source: string,
  text: (...args: Args) => string,
): Form<Args> {
  return { provenance: 'documented', source, text };
}

export function invented<Args extends readonly unknown[]>(source: string, text: (...args: Args) => string): Form<Args> {
  return { provenance: 'invented', source, text };
}

export function provenanceOf(tool: string, forms: Readonly<Record<string, Form<never>>>): FormProvenance[] {
  return Object.entries(forms).map(([form, { provenance, source }]) => ({ tool, form, provenance, source }));
}
