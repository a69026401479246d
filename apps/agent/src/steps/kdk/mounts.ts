/** Private mount points of KDK images. Guarantee: whatever way the work ends, the image is detached; a killed agent's mount goes at the next start. */
import { mkdtemp, rmdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { namesIn } from '../../file-looks.ts';
import { ensureFolder, isMissing } from '../../files.ts';
import type { Mac } from '../../mac.ts';
import { MOUNT_FOLDER } from '../../paths.ts';
import { attach, detach } from './attach.ts';

/** Attaches an image, lets `use` work on it, and detaches it on every path. */
export async function withMounted<T>(
  mac: Mac,
  image: string,
  signal: AbortSignal,
  use: (mountPoint: string) => Promise<T>,
): Promise<T> {
  await detachStaleMounts(mac);
  await ensureFolder(mac.path(MOUNT_FOLDER));
  const mountPoint = await newMountPoint(mac);
  const result = await attachAndUse().catch(async (error: unknown) => {
    // What went wrong with the work says more than what may go wrong here; the next start tries again.
    await detachStaleMounts(mac).catch(() => {});
    throw error;
  });
  // One that stays attached is for the step to tell, once it is known what became of its work.
  await detachStaleMounts(mac);
  return result;

  async function attachAndUse(): Promise<T> {
    await attach(mac, image, mountPoint, signal);
    return use(mountPoint);
  }
}

/** A name of its own each time: an `hdiutil attach` that outlived a killed agent can't come in its way. */
async function newMountPoint(mac: Mac): Promise<string> {
  return `${MOUNT_FOLDER}/${basename(await mkdtemp(`${mac.path(MOUNT_FOLDER)}/kdk-`))}`;
}

/** Every folder below is a mount point of ours: a cut run may have left its image attached there. Gives back what still is. */
export async function detachStaleMounts(mac: Mac): Promise<readonly string[]> {
  const left: string[] = [];
  for (const name of await namesIn(mac.path(MOUNT_FOLDER))) {
    const mountPoint = `${MOUNT_FOLDER}/${name}`;
    await detach(mac, mountPoint);
    if (!(await removed(mac.path(mountPoint)))) left.push(mountPoint);
  }
  return left;
}

/** An empty folder goes; one that is still mounted (busy, or not empty) stays for the next time. */
async function removed(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    return isMissing(error);
  }
}
