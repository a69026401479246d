/**
 * set_boot_args: stores the boot arguments in macOS, after the first boot of the development kernel.
 * Guarantee: exactly the line that grant and allow-list make (see plan/authorize.ts) is stored, read back and saved. It comes into
 * force with the next boot, which a person makes: no job restarts a Mac.
 */
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import type { StepContext, StepHandler } from './step.ts';
import { readStoredBootArgs, writeBootArgs } from './stored-boot-args.ts';

type Step = Extract<PlanStep, { readonly kind: 'set_boot_args' }>;
export interface BootArgsResult {
  readonly stored: string;
  readonly inForce: string | null;
  readonly rebootNeeded: boolean;
}

/** Always acts: a line that is visible may still lie in nvram's buffer, and only writing it saves it for sure. */
export const setBootArgsStep: StepHandler<Step, BootArgsResult> = {
  check: async () => null,

  act: (step, { mac }) => writeBootArgs(mac, step.bootArgs),

  async verify(step, context) {
    const stored = await readStoredBootArgs(context.mac);
    if (stored !== step.bootArgs)
      throw new AgentError('BOOT_ARGS_READ_BACK_DIFFERS', differs('Boot arguments', step.bootArgs, stored ?? 'none'));
    return result(step, context);
  },
};

async function result({ bootArgs }: Step, { facts }: StepContext): Promise<BootArgsResult> {
  const { inForce } = (await facts()).bootArgs;
  const words = (inForce ?? '').split(/[ \t]+/);
  return { stored: bootArgs, inForce, rebootNeeded: !bootArgs.split(' ').every((word) => words.includes(word)) };
}
