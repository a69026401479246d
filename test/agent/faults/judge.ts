/** What an admin would see of a Mac of the fault table: its last facts through the controller's own rules. */
import {
  type Evaluation,
  evaluate,
  type Facts,
  type HostRecord,
  type KcResult,
  type KdkSource,
  retryAfterFailure,
} from '@headroom/core';
import type { Report } from '../../../apps/agent/src/runner/job.ts';
import {
  NEW_RECORD,
  NOW,
  RAISE_INTENT,
  RAISED_RECORD,
  STOCK_INTENT,
  sampleInput,
} from '../../../packages/core/testing/sample-host.ts';
import { type Kind, LINE, QUOTA } from './fault-mac.ts';

export interface Case {
  readonly kind: Kind;
  readonly facts: Facts;
  /** How the step ended; null = well, or nobody knows. */
  readonly failure: Report | null;
  readonly kdk: KdkSource;
  /** What this Mac has built, as its controller remembers it. */
  readonly kc: KcResult | null;
}

const WAY_BACK: readonly Kind[] = ['disarm_kit', 'clear_boot_args', 'remove_kit', 'remove_kc', 'remove_kdk'];
const AFTER_THE_VISIT: readonly Kind[] = ['set_boot_args', ...WAY_BACK];

export function judge({ kind, facts, failure, kdk, kc }: Case, wantsRaise = !WAY_BACK.includes(kind)): Evaluation {
  const kit = kc === null ? null : { visitId: 'visit-1', quota: QUOTA, bootArgs: LINE, kcSha256: kc.sha256 };
  const record: HostRecord = AFTER_THE_VISIT.includes(kind)
    ? { ...RAISED_RECORD, kc, kit }
    : { ...NEW_RECORD, kc, kit: facts.visitKit === null ? null : kit };
  return evaluate(
    sampleInput({
      facts,
      record,
      intent: wantsRaise ? { ...RAISE_INTENT, quota: QUOTA } : STOCK_INTENT,
      work: { plan: null, visit: null, failure: failure === null ? null : failureOf(kind, failure) },
      catalogue: { kdks: [kdk], dropBundles: {} },
    }),
  );
}

function failureOf(kind: Kind, { code, detail }: Report) {
  const retryAt = retryAfterFailure(code ?? '', NOW, 1)?.toISOString() ?? null;
  return { kind, code: code ?? '', detail, at: NOW.toISOString(), retryAt };
}

const OF_FACTS = ['FACT_UNKNOWN', 'READINESS_UNKNOWN', 'NOT_PROVABLE'];

/**
 * What tells an admin of this failure: the step's own finding, the fact that could not be read and keeps the step from being planned
 * again, or, where the facts show that what the step was for is reached, what comes next. Nothing = it is hidden, and stays.
 */
export function tells({ findings, steps, visit }: Evaluation, kind: Kind, code: string): readonly string[] {
  const told = findings.filter(
    (finding) => (finding.code.startsWith('STEP_FAILED') && finding.seen === code) || OF_FACTS.includes(finding.code),
  );
  const next = (steps ?? []).map((step) => step.kind).filter((other) => other !== kind);
  return [
    ...told.map((finding) => `${finding.code} ${finding.seen ?? ''}`),
    ...next.map((other) => `next ${other}`),
    ...(visit === null ? [] : [`visit ${visit.kind}`]),
  ];
}
