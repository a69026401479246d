/**
 * Updates that MDM enforces by declaration, from where softwareupdated keeps them (macOS 14 and later). The keys of one are documented by
 * Apple (softwareupdate.enforcement.specific); where they lie, by public tools that read them there (root3nl SupportApp, mSCP).
 */
import type { EnforcedUpdate } from '@headroom/core';
import { isDict, type PlistDict, stringAt } from './plist.ts';
import { readPreferences } from './plutil.ts';
import { known, type Reading, unknown } from './reading.ts';
import { BUILD_PATTERN } from './text.ts';
import type { ToolContext } from './tool.ts';

export const UPDATE_DECLARATIONS = '/private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist';
const DECLARATIONS_MAX = 50;
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/;

export async function readEnforcedUpdates(context: ToolContext): Promise<Reading<readonly EnforcedUpdate[]>> {
  const dict = await readPreferences(context, UPDATE_DECLARATIONS);
  return dict.ok ? enforcedIn(dict.value) : dict;
}

/** One declaration of another form makes all unknown: the one that is not understood might be the next to be enforced. */
export function enforcedIn(dict: PlistDict): Reading<readonly EnforcedUpdate[]> {
  const fields = dictAt(dict, 'SUCorePersistedStatePolicyFields');
  if (fields === null) return unknown('SoftwareUpdateDDMStatePersistence.plist has another form');
  // Settings lie in the same file; without a declaration of an update there is no such key.
  const declarations = Object.values(dictAt(fields, 'Declarations') ?? {});
  const enforced = declarations.slice(0, DECLARATIONS_MAX).flatMap((one) => (isDict(one) ? (updateIn(one) ?? []) : []));
  if (enforced.length !== declarations.length) return unknown('a declaration of an enforced update has another form');
  return known(enforced.sort((a, b) => (a.at < b.at ? -1 : 1)));
}

function updateIn(declaration: PlistDict): EnforcedUpdate | null {
  const version = stringAt(declaration, 'TargetOSVersion');
  const at = stringAt(declaration, 'TargetLocalDateTime');
  const build = stringAt(declaration, 'TargetBuildVersion');
  if (version === null || at === null || !LOCAL_TIME.test(at)) return null;
  return { version, build: build !== null && BUILD_PATTERN.test(build) ? build : null, at };
}

function dictAt(dict: PlistDict, key: string): PlistDict | null {
  const value = Object.hasOwn(dict, key) ? dict[key] : undefined;
  return isDict(value) ? value : null;
}
