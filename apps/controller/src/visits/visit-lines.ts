/** What a person types, and the sentence that goes with it. */
import { uuidOr, type VisitKind } from '@headroom/core';

/** What a person types in the Terminal of recoveryOS. */
export function visitLine(code: string): string {
  return `sh /Volumes/*/Library/Headroom/raise ${code}`;
}

/** Takes back what a raise lowered. It lowers nothing, so it needs no code and no consent. */
export const REVERT_LINE = 'sh /Volumes/*/Library/Headroom/revert';

const INTO_TERMINAL =
  'Shut down, hold the power button until "Loading startup options", choose Options, sign in as an owner, open Utilities > Terminal and type the line.';
/** Nobody has shown yet that macOS lets it through: it saves a visit where it does, and changes nothing where it does not. */
export function firstWayBack(group: string | null): string {
  return `Optional first, not proven: an owner over SSH, sudo bputil -f -v ${uuidOr(group, 'GROUP')}; needs Internet, macOS may refuse.`;
}

const WITHOUT_KIT = 'If it is not found there, or breaks off: type csrutil enable, answer y, then reboot.';

export const INSTRUCTIONS: Readonly<Record<VisitKind, string>> = {
  raise: INTO_TERMINAL,
  restart: 'Restart the Mac. Nothing has to be typed; with FileVault somebody unlocks it afterwards.',
  revert: `${INTO_TERMINAL} ${WITHOUT_KIT} ${firstWayBack(null)}`,
  recover: `Look at the screen first: an unlock screen is unlocked, a macOS that runs needs its network or its agent. Only a Mac that does not start: hold the power button until it is off, then until "Loading startup options", choose Options, sign in as an owner, open Utilities > Terminal and type the line. ${WITHOUT_KIT}`,
};

/** null for a restart, and for a raise whose code does not exist or must not be shown. */
export function lineOf(kind: VisitKind, code: string | null): string | null {
  if (kind === 'revert' || kind === 'recover') return REVERT_LINE;
  return kind === 'raise' && code !== null ? visitLine(code) : null;
}
