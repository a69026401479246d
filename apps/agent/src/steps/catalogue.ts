/** The closed set of steps that this agent can do. What is not here is refused, and not among what its hello says that it can. */
import { KIT_WITH_NEEDED_ARGS, type PlanStep } from '@headroom/core';
import { buildKcStep } from './build-kc.ts';
import { clearBootArgsStep } from './clear-boot-args.ts';
import { collectFactsStep } from './collect-facts.ts';
import { disarmKitStep } from './disarm-kit.ts';
import { installKdkStep } from './install-kdk.ts';
import { placeKitStep } from './place-kit.ts';
import { removeKcStep } from './remove-kc.ts';
import { removeKdkStep } from './remove-kdk.ts';
import { removeKitStep } from './remove-kit.ts';
import { setBootArgsStep } from './set-boot-args.ts';
import type { StepContext, StepHandler } from './step.ts';

const STEPS = {
  collect_facts: collectFactsStep,
  install_kdk: installKdkStep,
  build_kc: buildKcStep,
  place_kit: placeKitStep,
  set_boot_args: setBootArgsStep,
  clear_boot_args: clearBootArgsStep,
  disarm_kit: disarmKitStep,
  remove_kit: removeKitStep,
  remove_kc: removeKcStep,
  remove_kdk: removeKdkStep,
} as const satisfies { readonly [Kind in PlanStep['kind']]: StepHandler<Extract<PlanStep, { kind: Kind }>, unknown> };

export const CAPABILITIES: readonly string[] = [...Object.keys(STEPS), KIT_WITH_NEEDED_ARGS];

/** One step with its handler, its parts ready to be called. */
export interface BoundStep {
  check(context: StepContext): Promise<unknown>;
  act(context: StepContext): Promise<void>;
  verify(context: StepContext): Promise<unknown>;
}

export function bindStep(step: PlanStep): BoundStep {
  const handler = STEPS[step.kind] as StepHandler<PlanStep, unknown>;
  return {
    check: (context) => handler.check(step, context),
    act: (context) => handler.act(step, context),
    verify: (context) => handler.verify(step, context),
  };
}
