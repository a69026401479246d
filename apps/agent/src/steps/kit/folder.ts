/**
 * The kit's folder. A person runs as root what lies here, so nobody but root may own it, write it, or have put a link in its
 * place first. On a simulated Mac the present user takes root's part.
 */
import { lstat, mkdir } from 'node:fs/promises';
import { AgentError, differs } from '../../agent-error.ts';
import type { Mac } from '../../mac.ts';
import { KIT_FOLDER } from '../../paths.ts';

const WRITABLE_BY_OTHERS = 0o022;

export async function openKitFolder(mac: Mac): Promise<string> {
  const folder = mac.path(KIT_FOLDER);
  try {
    await mkdir(folder, { mode: 0o755 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  await checkKitFolder(mac);
  return folder;
}

export async function checkKitFolder(mac: Mac): Promise<void> {
  const seen = await lstat(mac.path(KIT_FOLDER));
  const owner = mac.simulated ? (process.getuid?.() ?? 0) : 0;
  if (!seen.isDirectory()) throw notOurs('a real folder', seen.isSymbolicLink() ? 'a link' : 'a file');
  if (seen.uid !== owner) throw notOurs(`owner ${owner}`, `owner ${seen.uid}`);
  if ((seen.mode & WRITABLE_BY_OTHERS) !== 0) throw notOurs('writable by its owner only', `mode ${modeOf(seen.mode)}`);
}

function notOurs(expected: string, seen: string): AgentError {
  return new AgentError('KIT_FOLDER_NOT_OURS', differs(KIT_FOLDER, expected, seen));
}

function modeOf(mode: number): string {
  return (mode & 0o7777).toString(8);
}
