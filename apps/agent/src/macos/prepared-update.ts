/**
 * A macOS update that is prepared: Preboot holds the cryptexes of a proposed system, with a SystemVersion.plist that names it. Told by a
 * public admin tool that reads it there (DDM-OS-Reminder; macOS 15 and 26); no output of ours shows it. So it is taken as a sign of an
 * update that is prepared, and its absence as nothing: macOS is not known to show that none is.
 */
import type { UpdateTarget } from '@headroom/core';
import { type PlistDict, stringAt } from './plist.ts';
import { readPreferences } from './plutil.ts';
import { known, type Reading, unknown } from './reading.ts';
import { BUILD_PATTERN } from './text.ts';
import type { ToolContext } from './tool.ts';

const PROPOSED = ['SystemVersion.plist', 'BuildManifest.plist'] as const;

const proposedSystemPath = (group: string, file: (typeof PROPOSED)[number] = 'SystemVersion.plist'): string =>
  `/System/Volumes/Preboot/${group}/cryptex1/proposed/${file}`;

export async function readProposedSystem(context: ToolContext, group: string): Promise<Reading<UpdateTarget>> {
  for (const file of PROPOSED) {
    const dict = await readPreferences(context, proposedSystemPath(group, file));
    const named = dict.ok ? systemIn(dict.value) : null;
    if (named !== null) return known(named);
  }
  return unknown('macOS shows no prepared update, and is not known to show that none is');
}

function systemIn(dict: PlistDict): UpdateTarget | null {
  const build = stringAt(dict, 'ProductBuildVersion');
  return build !== null && BUILD_PATTERN.test(build) ? { version: stringAt(dict, 'ProductVersion'), build } : null;
}
