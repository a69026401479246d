/** Which bundles go into a collection, and whether all they depend on is there. */
import type { CreateArgs } from './create-args.ts';
import type { FoundBundle } from './extensions.ts';
import { Refusal } from './io.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';

/** Programming interfaces of the kernel itself. */
const KERNEL_INTERFACE = /^com\.apple\.kpi\./;

export function chooseBundles(
  available: ReadonlyMap<string, FoundBundle>,
  { bundleIds, explicitOnly }: Pick<CreateArgs, 'bundleIds' | 'explicitOnly'>,
): FoundBundle[] {
  const chosen = new Map<string, FoundBundle>();
  for (const id of bundleIds) {
    const bundle = available.get(id);
    if (bundle === undefined) throw new Refusal(KMUTIL_FORMS.unknownBundle.text(id));
    chosen.set(id, bundle);
  }
  if (!explicitOnly && bundleIds.length === 0) for (const [id, bundle] of available) chosen.set(id, bundle);

  // A map visits what is added while it is walked: dependencies of dependencies follow.
  for (const [id, { dependencies }] of chosen) {
    for (const dependency of dependencies) {
      if (KERNEL_INTERFACE.test(dependency) || chosen.has(dependency)) continue;
      const bundle = explicitOnly ? undefined : available.get(dependency);
      if (bundle === undefined) throw new Refusal(KMUTIL_FORMS.dependency.text(id, dependency));
      chosen.set(dependency, bundle);
    }
  }
  return [...chosen.values()];
}
