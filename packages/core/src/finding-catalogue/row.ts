/** Shape of one row of the catalogue of findings; the rows lie beside this file, by what they are about. */

/** `blocker` = a raise does not get past it; `warning` = likely to become one, or healed by work under way; `note` = worth knowing. */
export const FINDING_SEVERITIES = ['blocker', 'warning', 'note'] as const;
export type FindingSeverity = (typeof FINDING_SEVERITIES)[number];

export interface FindingRow {
  readonly severity: FindingSeverity;
  readonly title: string;
  /** The exact next step; `{name}` is filled from the finding's arguments. */
  readonly nextStep: string;
}
