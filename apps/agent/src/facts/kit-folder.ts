/**
 * /Library/Headroom: a person runs as root what lies there, so nobody but root may own it, write it, or put something else in its
 * place: neither before we look nor between look and use, which takes a folder above that only root can write. Mode bits and
 * access control list both count.
 */
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { lookAt } from '../file-looks.ts';
import { readAcl } from '../macos/ls.ts';
import { known, type Reading } from '../macos/reading.ts';
import { isSimulated, resolve } from '../macos/sysroot.ts';
import type { ToolContext } from '../macos/tool.ts';
import { KIT_FOLDER } from '../paths.ts';

export type KitFolder =
  | { readonly status: 'absent' | 'ours' }
  | { readonly status: 'foreign'; readonly expected: string; readonly seen: string };

const WRITABLE_BY_OTHERS = 0o022;
const ABOVE = dirname(KIT_FOLDER);

/** On a simulated Mac the present user takes root's part. */
export function kitFolderOwner(simulated: boolean): number {
  return simulated ? (process.getuid?.() ?? 0) : 0;
}

export async function readKitFolder(
  context: ToolContext,
  owner: number = kitFolderOwner(isSimulated(context.sysroot)),
): Promise<Reading<KitFolder>> {
  const foreign = (expected: string, seen: string) => known<KitFolder>({ status: 'foreign', expected, seen });
  const found = await lookAt(resolve(context.sysroot, KIT_FOLDER));
  if (found === null) return known({ status: 'absent' });
  if (!found.isDirectory()) return foreign('a real folder', found.isSymbolicLink() ? 'a link' : 'a file');
  if (found.uid !== owner) return foreign(`owner ${owner}`, `owner ${found.uid}`);
  if (isWritableByOthers(found)) return foreign('writable by its owner only', modeText(found));
  const above = await lookAt(resolve(context.sysroot, ABOVE));
  if (above?.isDirectory() !== true) return foreign(`in a real folder ${ABOVE}`, 'something else in its place');
  if (above.uid !== owner) return foreign(`in ${ABOVE} of owner ${owner}`, `owner ${above.uid}`);
  if (isWritableByOthers(above)) return foreign(`in ${ABOVE} that only its owner can write`, modeText(above));
  const acl = await readAcl(context, KIT_FOLDER);
  if (!acl.ok) return acl;
  const allows = acl.value.find((entry) => !/ deny /.test(entry));
  return allows === undefined ? known({ status: 'ours' }) : foreign('no access control list', allows);
}

function isWritableByOthers({ mode }: Stats): boolean {
  return (mode & WRITABLE_BY_OTHERS) !== 0;
}

function modeText({ mode }: Stats): string {
  return `mode ${(mode & 0o7777).toString(8)}`;
}
