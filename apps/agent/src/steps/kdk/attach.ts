/** Attaches a KDK image on a mount point of our own, and detaches whatever is attached there. */
import { AgentError } from '../../agent-error.ts';
import { type Mac, ranToItsEnd, toolText } from '../../mac.ts';
import {
  HDIUTIL,
  HDIUTIL_TIMEOUT_MS,
  hdiutilAttachArgs,
  hdiutilDetachArgs,
  hdiutilInfoArgs,
  type ImageInUse,
  parseAttach,
  parseHdiutilInfo,
} from '../../macos/hdiutil.ts';
import { KDK_FOLDER } from '../../paths.ts';

export async function attach(mac: Mac, image: string, mountPoint: string, signal: AbortSignal): Promise<void> {
  const args = hdiutilAttachArgs(image, mountPoint);
  const result = await mac.run(HDIUTIL, args, { timeoutMs: HDIUTIL_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  ranToItsEnd(result);
  if (result.exitCode !== 0 || !parseAttach(result).ok) throw new AgentError('KDK_ATTACH_FAILED', toolText(result));
}

/**
 * Detaches the image that is mounted there, by force when the polite way fails. Where hdiutil cannot say what is attached, the mount
 * point itself is named: what we attached must not stay because a list could not be read.
 */
export async function detach(mac: Mac, mountPoint: string): Promise<void> {
  for (const force of [false, true]) {
    const target = await attachedAt(mac, mountPoint);
    if (target === null) return;
    await mac.run(HDIUTIL, hdiutilDetachArgs(target, force), { timeoutMs: HDIUTIL_TIMEOUT_MS });
  }
}

/**
 * The device of what is mounted there, or of an image of ours that a cut attach left without a mount or on another one; the mount point
 * where hdiutil does not say; null = nothing. hdiutil may name paths in full, with what `/var` leads into (`/private`) in front.
 */
async function attachedAt(mac: Mac, mountPoint: string): Promise<string | null> {
  const images = parseHdiutilInfo(await mac.run(HDIUTIL, hdiutilInfoArgs()));
  if (!images.ok) return mountPoint;
  const isOurs = (image: ImageInUse) =>
    image.imagePath.includes(`${KDK_FOLDER}/`) || (image.mountPoint ?? '').endsWith(mountPoint);
  return images.value.find(isOurs)?.device ?? null;
}
