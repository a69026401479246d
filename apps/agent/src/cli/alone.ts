/** A command that works on this Mac in the daemon's place: no other agent works on it meanwhile, and what a killed one left goes first. */
import type { Log } from '../log.ts';
import { type Mac, openMac } from '../mac.ts';
import { recordTools } from '../runner/tool-record.ts';
import { takeLock } from '../state/lock.ts';
import { detachStaleMounts } from '../steps/kdk/mounts.ts';
import { clearLeftBehind } from '../steps/left-behind.ts';
import { lifetime } from './lifetime.ts';

export async function alone<T>(
  sysroot: string,
  say: Log,
  work: (mac: Mac, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const mac = openMac(sysroot);
  const signal = lifetime({ exitWithParent: false, log: say });
  const release = await takeLock(mac);
  try {
    await recordTools(mac, say);
    await clearLeftBehind(mac, say);
    await detachStaleMounts(mac);
    return await work(mac, signal);
  } finally {
    await release();
  }
}
