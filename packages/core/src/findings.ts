/**
 * Catalogue of findings: what can be wrong or worth knowing about a host, and the exact next step. A code never changes
 * its meaning; docs/findings.md is generated from these rows.
 */
import { HOST_FINDINGS } from './finding-catalogue/host.ts';
import { PREPARATION_FINDINGS } from './finding-catalogue/preparation.ts';
import { PROOF_FINDINGS } from './finding-catalogue/proof.ts';
import type { FindingRow } from './finding-catalogue/row.ts';

export { FINDING_SEVERITIES, type FindingSeverity } from './finding-catalogue/row.ts';

/** The catalogue by subject, in the order of the document. */
export const FINDING_GROUPS = {
  'The Mac itself': HOST_FINDINGS,
  'On the way to a visit': PREPARATION_FINDINGS,
  'The proof': PROOF_FINDINGS,
} as const satisfies Record<string, Readonly<Record<string, FindingRow>>>;

export const FINDINGS = { ...HOST_FINDINGS, ...PREPARATION_FINDINGS, ...PROOF_FINDINGS };
export type FindingCode = keyof typeof FINDINGS;
