/**
 * The gate before every step: is this plan for this Mac, is it not an old one, and is a lowering step covered by a grant?
 * Guarantee: what a lowering step stores comes from the compiled-in allow-list and from a grant whose signature holds; the plan's
 * own text is only compared with it. Works without a controller.
 */
import {
  checkGrant,
  extraWords,
  type GrantPayload,
  LOWERING_KINDS,
  mergeBootArgs,
  type PlanStep,
  QUOTA_RAISED_MIN,
  type VerifySignature,
} from '@headroom/core';
import { differs, Refusal } from '../agent-error.ts';
import type { ReadPlan, UnknownStep } from './parse-plan.ts';

export interface PlanGate {
  /** Hardware UUID of this Mac; null when it could not be read, which refuses every plan. */
  readonly hostUuid: string | null;
  /** null = no enrolment: the plan came from a file on this Mac. */
  readonly fleetId: string | null;
  readonly hostId: string | null;
  readonly simulated: boolean;
  readonly highestGeneration: number;
  readonly verify: VerifySignature;
  readonly now: Date;
  /** Boot arguments stored on this Mac; null when none are. */
  readonly storedBootArgs: string | null;
}

export interface Authorized {
  readonly step: PlanStep;
  /** Present for a lowering step. */
  readonly grant: GrantPayload | null;
}

type LoweringStep = Extract<PlanStep, { readonly bootArgs: string }>;

export function authorize(plan: ReadPlan, stepIndex: number, kind: string, gate: PlanGate): Authorized {
  checkAddressee(plan, gate);
  if (plan.generation < gate.highestGeneration)
    throw new Refusal(
      'PLAN_OLD_GENERATION',
      differs('Generation of the plan', `${gate.highestGeneration} or higher`, String(plan.generation)),
    );
  const step = plan.steps[stepIndex];
  if (step === undefined || step.kind !== kind)
    throw new Refusal('PLAN_UNREADABLE', differs(`Step ${stepIndex} of the plan`, kind, step?.kind ?? 'no such step'));
  if (isUnknown(step)) throw new Refusal('JOB_KIND_UNKNOWN', `This agent does not know ${JSON.stringify(kind)}.`);
  return { step, grant: isLowering(step) ? consent(plan, step, gate) : null };
}

function checkAddressee(plan: ReadPlan, gate: PlanGate): void {
  const { hostUuid, hostId, fleetId } = gate;
  if (hostUuid === null)
    throw new Refusal(
      'COMMAND_FAILED',
      'The hardware UUID of this Mac cannot be read, so no plan can be matched to it.',
    );
  if (plan.hostUuid.toUpperCase() !== hostUuid.toUpperCase())
    throw new Refusal('PLAN_OTHER_HOST', differs('Hardware UUID in the plan', hostUuid, plan.hostUuid));
  if (hostId !== null && plan.hostId !== hostId)
    throw new Refusal('PLAN_OTHER_HOST', differs('Host id in the plan', hostId, plan.hostId));
  if (fleetId !== null && plan.fleetId !== fleetId)
    throw new Refusal('PLAN_OTHER_HOST', differs('Fleet in the plan', fleetId, plan.fleetId));
}

function consent(plan: ReadPlan, step: LoweringStep, gate: PlanGate): GrantPayload {
  const checked = checkGrant(
    plan.grant,
    {
      fleetId: gate.fleetId ?? plan.fleetId,
      hostUuid: gate.hostUuid ?? '',
      quota: step.quota,
      extraArgs: extraWords(step.bootArgs),
      now: gate.now,
      simulated: gate.simulated,
    },
    gate.verify,
  );
  if (!checked.ok) throw new Refusal(checked.code, differs(`Grant for ${step.kind}`, checked.expected, checked.seen));
  checkBootArgs(step, checked.grant, gate.storedBootArgs);
  return checked.grant;
}

/** Makes the line anew and compares: a word that is neither on the allow-list nor named by the grant has no way into it. */
function checkBootArgs(step: LoweringStep, grant: GrantPayload, stored: string | null): void {
  if (step.quota < QUOTA_RAISED_MIN)
    throw new Refusal('PLAN_UNREADABLE', differs('Quota to raise', `${QUOTA_RAISED_MIN} or more`, String(step.quota)));
  const extra = extraWords(step.bootArgs);
  const merged = mergeBootArgs({ stored, quota: step.quota, extra, granted: grant.extraArgs });
  if (!merged.ok) throw new Refusal(merged.code, `Words: ${merged.words.join(' ')}.`);
  if (merged.line !== step.bootArgs)
    throw new Refusal('BOOT_ARGS_NOT_ALLOWED', differs('Boot arguments of the plan', merged.line, step.bootArgs));
}

function isLowering(step: PlanStep): step is LoweringStep {
  return LOWERING_KINDS.includes(step.kind);
}

function isUnknown(step: PlanStep | UnknownStep): step is UnknownStep {
  return 'unknown' in step;
}
