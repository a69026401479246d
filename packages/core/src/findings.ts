/** Catalogue of findings: what can be wrong or worth knowing about a host. docs/findings.md is generated from it. */
export type FindingSeverity = 'blocker' | 'warning' | 'note';

interface FindingRow {
  readonly severity: FindingSeverity;
  readonly title: string;
  /** The exact next step; `{name}` is filled from the finding's arguments. */
  readonly nextStep: string;
}

export const FINDINGS = {
  HOST_INTEL: {
    severity: 'blocker',
    title: 'Not an Apple silicon Mac',
    nextStep: 'Remove this Mac from the policy: only Apple silicon Macs have a guest quota that can be raised.',
  },
} as const satisfies Record<string, FindingRow>;

export type FindingCode = keyof typeof FINDINGS;
