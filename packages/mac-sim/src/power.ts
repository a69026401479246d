/** Power of a simulated Mac: start, unlock, clean shutdown, restart, power cut, and into recoveryOS. */
import { startMacos, stop } from './boot.ts';
import { type SimState, updateState } from './state.ts';

export function bootMac(dir: string, now: Date = new Date()): SimState {
  return updateState(dir, (draft) => startMacos(dir, draft, now));
}

/** A clean end: NVRAM is saved. A Mac that is off stays off. */
export function shutDownMac(dir: string): SimState {
  return updateState(dir, (draft) => {
    if (draft.power !== 'off') stop(draft, 'clean');
  });
}

export function restartMac(dir: string, now: Date = new Date()): SimState {
  return updateState(dir, (draft) => {
    stop(draft, 'clean');
    startMacos(dir, draft, now);
  });
}

/** Somebody signs in at the unlock screen; the boot goes on as the one that it is. */
export function unlockMac(dir: string, password: string): SimState {
  return updateState(dir, (draft) => {
    if (draft.power !== 'unlock') throw new Error(`${dir}: power is ${draft.power}; nothing is to be unlocked`);
    if (!draft.accounts.some((account) => account.password === password))
      throw new Error(`${dir}: the password is of no account of this Mac`);
    draft.power = 'macos';
    draft.screen = null;
  });
}

/** Pulls the plug: buffered NVRAM writes are lost. */
export function cutPower(dir: string): SimState {
  return updateState(dir, (draft) => stop(draft, 'cut'));
}

/** Holding the power button of a Mac that is off; `paired` = this is the recoveryOS of the default startup volume. */
export function startRecovery(dir: string, paired = true): SimState {
  return updateState(dir, (draft) => {
    if (draft.power !== 'off' && draft.power !== 'failed')
      throw new Error(`${dir}: power is ${draft.power}; shut the Mac down before holding the power button`);
    draft.power = 'recovery';
    draft.screen = null;
    draft.boot = null;
    const isPaired = paired && draft.volumes.startupDefault && draft.behaviour.faults?.neverPaired !== true;
    draft.recovery = { paired: isPaired, heldButton: paired, sipChanged: false };
  });
}
