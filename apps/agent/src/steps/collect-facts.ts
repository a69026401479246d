/** collect_facts: nothing to change; the facts travel with the finish of every job. */
import type { PlanStep } from '@headroom/core';
import type { StepHandler } from './step.ts';

type Step = Extract<PlanStep, { readonly kind: 'collect_facts' }>;

export const collectFactsStep: StepHandler<Step, { readonly collectedAt: string }> = {
  check: async () => null,
  act: async () => {},
  verify: async (_step, { now }) => ({ collectedAt: now().toISOString() }),
};
