/**
 * What MDM says of updates by declaration, from where softwareupdated keeps it (macOS 14 and later; settings 15 and later). The keys of an
 * enforced one are documented by Apple (softwareupdate.enforcement.specific); where they lie, by public tools that read them there
 * (root3nl SupportApp, mSCP). Those of settings (softwareupdate.settings) are named by mSCP and by SoftwareUpdateCore itself.
 */
import type { EnforcedUpdate } from '@headroom/core';
import { isThere } from '../file-looks.ts';
import { countAt, flagAt, isDict, type PlistDict, stringAt } from './plist.ts';
import { readPreferences } from './plutil.ts';
import { known, type Reading, unknown } from './reading.ts';
import { resolve } from './sysroot.ts';
import { BUILD_PATTERN } from './text.ts';
import type { ToolContext } from './tool.ts';

const UPDATE_DECLARATIONS = '/private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist';
const OTHER_FORM = 'SoftwareUpdateDDMStatePersistence.plist has another form';
const SETTINGS = 'SUCoreDDMDeclarationGlobalSettings';
const DECLARATIONS_MAX = 50;
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/;

export interface UpdateDeclarations {
  readonly enforced: Reading<readonly EnforcedUpdate[]>;
  /** null = none is declared. */
  readonly settings: Reading<DeclaredSettings | null>;
}

/** They overrule profiles and what is set on the Mac itself; null = not declared, so that those count. */
export interface DeclaredSettings {
  readonly autoInstall: boolean | null;
  /** Of minor updates. */
  readonly deferralDays: number | null;
}

export async function readUpdateDeclarations(context: ToolContext): Promise<Reading<UpdateDeclarations>> {
  const dict = await readPreferences(context, UPDATE_DECLARATIONS);
  if (dict.ok) return known({ enforced: enforcedIn(dict.value), settings: settingsIn(dict.value) });
  return known({
    enforced: dict,
    settings: (await isThere(resolve(context.sysroot, UPDATE_DECLARATIONS))) ? dict : known(null),
  });
}

/** A value of another form is unknown: it may overrule all that can be read. */
export function settingsIn(dict: PlistDict): Reading<DeclaredSettings | null> {
  const fields = dictAt(dict, 'SUCorePersistedStatePolicyFields');
  if (fields === null) return unknown(OTHER_FORM);
  if (!Object.hasOwn(fields, SETTINGS)) return known(null);
  const settings = dictAt(fields, SETTINGS);
  const install = settings === null ? undefined : valueAt(settings, 'automaticallyInstallOSUpdates', flagAt);
  const minor = settings === null ? undefined : valueAt(settings, 'minorOSDeferralPeriod', countAt);
  if (install === undefined || minor === undefined) return unknown(`${SETTINGS} has another form`);
  return known({ autoInstall: install, deferralDays: minor });
}

/** null = not there; undefined = there, in another form. */
function valueAt<T>(dict: PlistDict, key: string, read: (dict: PlistDict, key: string) => T | null) {
  if (!Object.hasOwn(dict, key)) return null;
  return read(dict, key) ?? undefined;
}

/** One declaration of another form makes all unknown: the one that is not understood might be the next to be enforced. */
export function enforcedIn(dict: PlistDict): Reading<readonly EnforcedUpdate[]> {
  const fields = dictAt(dict, 'SUCorePersistedStatePolicyFields');
  if (fields === null) return unknown(OTHER_FORM);
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
