/** Attaches a KDK image on a mount point of our own, and detaches whatever is attached there. */
import { AgentError } from '../../agent-error.ts';
import { type Mac, ranToItsEnd, toolText } from '../../mac.ts';
import {
  HDIUTIL,
  HDIUTIL_TIMEOUT_MS,
  hdiutilAttachArgs,
  hdiutilDetachArgs,
  hdiutilInfoArgs,
  parseAttach,
  parseHdiutilInfo,
} from '../../macos/hdiutil.ts';

export async function attach(mac: Mac, image: string, mountPoint: string, signal: AbortSignal): Promise<void> {
  const args = hdiutilAttachArgs(image, mountPoint);
  const result = await mac.run(HDIUTIL, args, { timeoutMs: HDIUTIL_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  ranToItsEnd(result);
  if (result.exitCode !== 0 || !parseAttach(result).ok) throw new AgentError('KDK_ATTACH_FAILED', toolText(result));
}

/** Detaches the image that is mounted there, by force when the polite way fails. false = it is still mounted. */
export async function detach(mac: Mac, mountPoint: string): Promise<boolean> {
  for (const force of [false, true]) {
    const device = await deviceAt(mac, mountPoint);
    if (device === null) return true;
    await mac.run(HDIUTIL, hdiutilDetachArgs(device, force), { timeoutMs: HDIUTIL_TIMEOUT_MS });
  }
  return (await deviceAt(mac, mountPoint)) === null;
}

/** hdiutil may name a mount point with the `/private` that `/var` points into. */
async function deviceAt(mac: Mac, mountPoint: string): Promise<string | null> {
  const result = ranToItsEnd(await mac.run(HDIUTIL, hdiutilInfoArgs()));
  const images = parseHdiutilInfo(result);
  if (!images.ok) throw new AgentError('COMMAND_FAILED', images.reason);
  const here = [mountPoint, `/private${mountPoint}`];
  return images.value.find((image) => here.includes(image.mountPoint))?.device ?? null;
}
