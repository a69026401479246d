/** What was put there for a raise goes only once this Mac is proven stock, by its own facts, now: until then the way back needs it. */
import { stockGaps } from '@headroom/core';
import { differs, Refusal } from '../agent-error.ts';
import type { StepContext } from './step.ts';

export async function checkIsStock({ facts }: StepContext): Promise<void> {
  const [gap] = stockGaps(await facts());
  if (gap !== undefined)
    throw new Refusal('PLAN_OUTDATED', differs(`Fact ${gap.path}`, gap.expected, gap.seen ?? 'unknown'));
}
