/**
 * A KDK and a kernel collection are only ever made for the Mac they lie on: its build, its variant. A plan that names others is
 * right for this Mac and behind it (an update came between), so it is refused as outdated, and a new one helps.
 */
import { differs, Refusal } from '../agent-error.ts';
import type { StepContext } from './step.ts';

export interface Target {
  readonly build: string;
  readonly variant: string;
}

export async function checkIsThisMac({ build, variant }: Target, context: StepContext): Promise<void> {
  const { os, kernel } = await context.facts();
  if (os.baseBuild !== build)
    throw new Refusal('PLAN_OUTDATED', differs('Build of this Mac', build, os.baseBuild ?? 'unknown'));
  if (kernel.variant !== variant)
    throw new Refusal('PLAN_OUTDATED', differs('Kernel variant of this Mac', variant, kernel.variant ?? 'unknown'));
}
