/** What an agent can do, as its hello says. */
import type { JobKind } from '@headroom/core';

/** An agent that lists nothing can do what the first release could. */
export const FIRST_RELEASE_KINDS: readonly JobKind[] = [
  'collect_facts',
  'install_kdk',
  'build_kc',
  'place_kit',
  'set_boot_args',
];

/** What we do not know, from a newer agent, does no harm: we never ask for it. */
export function abilitiesOf(capabilities: readonly string[]): readonly string[] {
  return capabilities.length === 0 ? FIRST_RELEASE_KINDS : capabilities;
}
