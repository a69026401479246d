/**
 * Without consent, or when stock is wanted, nobody shall be able to raise: `raise` and its kernel collection go at once. What leads
 * back stays: `revert`, `check`, the manifest and the break-glass page.
 */
import type { Next } from './next.ts';
import type { Situation } from './situation.ts';

/** Before all other steps. One that failed holds up nothing else: what follows goes first, and it is tried again after that. */
export function withDisarm({ facts, input }: Situation, next: Next): Next {
  const goesWhole = next.steps.some(({ kind }) => kind === 'remove_kit');
  if (facts.visitKit?.armed !== true || goesWhole) return next;
  if (input.work.failure?.kind === 'disarm_kit' && next.steps.length > 0) return next;
  return { ...next, steps: [{ kind: 'disarm_kit' }, ...next.steps] };
}
