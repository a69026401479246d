/**
 * /Library/Headroom: a person runs as root what lies there, so nobody but root may own it, write it, or have put a link in its
 * place first. Mode bits and access control list both count.
 */
import { lstat } from 'node:fs/promises';
import { isMissing } from '../files.ts';
import { readAcl } from '../macos/ls.ts';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { isSimulated, resolve } from '../macos/sysroot.ts';
import type { ToolContext } from '../macos/tool.ts';
import { KIT_FOLDER } from '../paths.ts';

export type KitFolder =
  | { readonly status: 'absent' | 'ours' }
  | { readonly status: 'foreign'; readonly expected: string; readonly seen: string };

const WRITABLE_BY_OTHERS = 0o022;

/** On a simulated Mac the present user takes root's part. */
export function kitFolderOwner(simulated: boolean): number {
  return simulated ? (process.getuid?.() ?? 0) : 0;
}

export async function readKitFolder(
  context: ToolContext,
  owner: number = kitFolderOwner(isSimulated(context.sysroot)),
): Promise<Reading<KitFolder>> {
  const foreign = (expected: string, seen: string) => known<KitFolder>({ status: 'foreign', expected, seen });
  let found: Awaited<ReturnType<typeof lstat>>;
  try {
    found = await lstat(resolve(context.sysroot, KIT_FOLDER));
  } catch (error) {
    return isMissing(error) ? known({ status: 'absent' }) : unknown(`${KIT_FOLDER}: ${String(error)}`);
  }
  const { mode, uid } = found;
  if (!found.isDirectory()) return foreign('a real folder', found.isSymbolicLink() ? 'a link' : 'a file');
  if (uid !== owner) return foreign(`owner ${owner}`, `owner ${uid}`);
  if ((Number(mode) & WRITABLE_BY_OTHERS) !== 0)
    return foreign('writable by its owner only', `mode ${(Number(mode) & 0o7777).toString(8)}`);
  const acl = await readAcl(context, KIT_FOLDER);
  if (!acl.ok) return acl;
  const allows = acl.value.find((entry) => !/ deny /.test(entry));
  return allows === undefined ? known({ status: 'ours' }) : foreign('no access control list', allows);
}
