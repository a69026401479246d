/** Into recoveryOS and out of it. */
import { bootMac, cutPower, shutDownMac } from '../power.ts';
import { loadState, type SimState, updateState } from '../state.ts';
import type { SessionEnd } from './terminal-session.ts';

/**
 * A running macOS is shut down cleanly; from anywhere else the power is cut. Holding the button then leads to the paired
 * recoveryOS of the default startup volume; `paired` false = double-pressed into the fallback.
 */
export function enterRecovery(dir: string, paired: boolean): SimState {
  if (loadState(dir).power === 'macos') shutDownMac(dir);
  else cutPower(dir);
  return updateState(dir, (draft) => {
    draft.power = 'recovery';
    draft.recovery = { paired: paired && draft.volumes.startupDefault, sipChanged: false };
  });
}

/** Without restart, shutdown or power cut the Mac stays where it is. */
export function leaveRecovery(dir: string, ended: SessionEnd): void {
  if (ended === 'power-cut') cutPower(dir);
  if (ended === 'reboot' || ended === 'shutdown') shutDownMac(dir);
  if (ended === 'reboot') bootMac(dir);
}
