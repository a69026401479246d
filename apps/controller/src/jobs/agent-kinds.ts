/** Which kinds of jobs an agent can do, as its hello says. */
import { JOB_KINDS, type JobKind } from '@headroom/core';

/** An agent that lists nothing can do what the first release could. */
export const FIRST_RELEASE_KINDS: readonly JobKind[] = [
  'collect_facts',
  'install_kdk',
  'build_kc',
  'place_kit',
  'set_boot_args',
];

/** Kinds that we do not know, from a newer agent, do no harm: we never ask for them. */
export function kindsOf(capabilities: readonly string[]): readonly JobKind[] {
  if (capabilities.length === 0) return FIRST_RELEASE_KINDS;
  return JOB_KINDS.filter((kind) => capabilities.includes(kind));
}
