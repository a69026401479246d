/**
 * What an agent says in its hello that it can do: kinds of jobs, and within a kind what an older agent would leave out without a
 * word. A step that needs what is not named there is never begun.
 */
import { JOB_KINDS, type PlanStep } from './plan.ts';

/** An older agent places a kit that knows no needed arguments: its visit may install a kernel that then does not start. */
export const KIT_WITH_NEEDED_ARGS = 'place_kit.needed_args';

/** All that an agent of this release says. */
export const ABILITIES: readonly string[] = [
  ...JOB_KINDS.filter((kind) => kind !== 'collect_diagnostics'),
  KIT_WITH_NEEDED_ARGS,
];

export function abilitiesFor(step: PlanStep): readonly string[] {
  const hasNeededArgs = step.kind === 'place_kit' && (step.neededArgs ?? []).length > 0;
  return hasNeededArgs ? [step.kind, KIT_WITH_NEEDED_ARGS] : [step.kind];
}
