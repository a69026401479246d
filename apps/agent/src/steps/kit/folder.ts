/** The kit's folder: made when it is not there, refused when it is not ours (facts/kit-folder.ts says what that means). */
import { mkdir } from 'node:fs/promises';
import { AgentError, differs } from '../../agent-error.ts';
import { type KitFolder, kitFolderOwner, readKitFolder } from '../../facts/kit-folder.ts';
import { type Mac, unreadable } from '../../mac.ts';
import { KIT_FOLDER } from '../../paths.ts';

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
  if ((await ownKitFolder(mac)).status === 'absent')
    throw new AgentError('KIT_PLACE_FAILED', `${KIT_FOLDER} is not there.`);
}

/** What cannot be read is not taken for ours: a person will run as root what is put there. */
export async function ownKitFolder(mac: Mac): Promise<KitFolder> {
  const found = await readKitFolder({ sysroot: mac.sysroot }, kitFolderOwner(mac.simulated));
  if (!found.ok) throw unreadable(found);
  if (found.value.status === 'foreign')
    throw new AgentError('KIT_FOLDER_NOT_OURS', differs(KIT_FOLDER, found.value.expected, found.value.seen));
  return found.value;
}
