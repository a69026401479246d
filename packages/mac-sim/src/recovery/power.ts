/** Into recoveryOS and out of it. */
import { bootMac, cutPower, shutDownMac, startRecovery } from '../power.ts';
import { loadState, type SimState } from '../state.ts';
import { updateMac } from '../update.ts';
import type { SessionEnd } from './terminal-session.ts';

/** A running macOS is shut down cleanly; from anywhere else the power is cut. Then the power button is held. */
export function enterRecovery(dir: string, paired: boolean): SimState {
  const { power, pendingUpdate, behaviour } = loadState(dir);
  if (power === 'macos') shutDownMac(dir);
  else cutPower(dir);
  if (power === 'macos' && pendingUpdate !== null && behaviour.faults?.updatesAtShutdown) updateMac(dir, pendingUpdate);
  return startRecovery(dir, paired);
}

/** Without restart, shutdown or power cut the Mac stays where it is. */
export function leaveRecovery(dir: string, ended: SessionEnd): void {
  if (ended === 'power-cut') cutPower(dir);
  if (ended === 'reboot' || ended === 'shutdown') shutDownMac(dir);
  if (ended === 'reboot') bootMac(dir);
}
