/**
 * AdminUserRecoveryInfo.plist in Preboot: the admins that recoveryOS lets sign in. Documented by public tools that read it: short name
 * -> dict with GeneratedUID and RealName. A list that is stale means "not a valid admin user" at the Mac.
 */
import type { RecoveryAdmin } from '@headroom/core';
import { isDict, type PlistDict, stringAt } from './plist.ts';
import { readPreferences } from './plutil.ts';
import { known, type Reading, unknown } from './reading.ts';
import { uuidOf } from './text.ts';
import type { ToolContext } from './tool.ts';

const ADMINS_MAX = 200;
const NAME = /^[^\0/:]{1,255}$/;

const recoveryAdminsPath = (group: string): string =>
  `/System/Volumes/Preboot/${group}/var/db/AdminUserRecoveryInfo.plist`;

export async function readRecoveryAdmins(
  context: ToolContext,
  group: string,
): Promise<Reading<readonly RecoveryAdmin[]>> {
  const dict = await readPreferences(context, recoveryAdminsPath(group));
  return dict.ok ? recoveryAdminsIn(dict.value) : dict;
}

/** One entry of another form makes the list unknown: half a list would name an owner as missing who is not. */
export function recoveryAdminsIn(dict: PlistDict): Reading<readonly RecoveryAdmin[]> {
  const entries = Object.entries(dict);
  const admins = entries.slice(0, ADMINS_MAX).flatMap(([user, info]) => {
    const uuid = isDict(info) ? uuidOf(stringAt(info, 'GeneratedUID')) : null;
    return uuid === null || !NAME.test(user) ? [] : [{ user, uuid }];
  });
  if (admins.length !== entries.length) return unknown('AdminUserRecoveryInfo.plist has an entry of another form');
  return known(admins.sort((a, b) => (a.user < b.user ? -1 : 1)));
}
