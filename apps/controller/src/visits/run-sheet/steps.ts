/** What is done at the Mac, in order. */
import { type Facts, overdueCauses, type SheetItem, type SheetSection } from '@headroom/core';
import { visitLine } from '../visit-lines.ts';
import type { RunSheetInput } from './sheet-input.ts';

const KIT = '/Volumes/*/Library/Headroom';
const MD5 = /^[0-9a-f]{32}$/;

export function inRecovery(input: RunSheetInput): SheetSection {
  return {
    title: 'At the Mac',
    numbered: true,
    items: [
      'Apple menu > Shut Down, and wait until it is really off.',
      'Press the power button and keep holding it, in one motion, until "Loading startup options" shows. Not two presses: that is another recoveryOS, which refuses.',
      'Options > Continue, sign in with the owner account, then Utilities > Terminal (Shift-Command-T).',
      verifyLine(input),
      visitItem(input),
      'Read what it says it will do, answer its questions (below), let it work: minutes may pass without a word.',
      'At its end answer y to the restart. To leave earlier type reboot, never exit. Then unlock FileVault if it asks.',
    ],
  };
}

export function restartInMacos({ facts }: RunSheetInput): SheetSection {
  const unlock =
    facts.fileVault === 'off'
      ? 'Wait for the login screen.'
      : 'If the unlock screen shows, unlock it with an account of this Mac.';
  return {
    title: 'At the Mac, or over SSH',
    numbered: true,
    items: ['See that no guest runs.', 'Apple menu > Restart. Nothing has to be typed.', unlock],
  };
}

/** A lost Mac: most causes need no Terminal. */
export function lookFirst({ fileVault }: Facts): SheetSection {
  const items = overdueCauses('recover', fileVault).map(({ look, act }) => ({ when: look, answer: act }));
  return { title: 'Look at the screen first. Go on below only when it does not start', numbered: true, items };
}

function verifyLine({ visit, scriptMd5 }: RunSheetInput): SheetItem {
  const name = visit.kind === 'revert' ? 'revert' : 'raise';
  const known = scriptMd5 !== null && MD5.test(scriptMd5);
  const text = known
    ? `See that it is the script of Headroom: each line has to end in ${scriptMd5}. Another end: pull out every disk that does not belong to the Mac, look again; if it stays, type reboot and call.`
    : 'See which script it is. Its md5 is not known: the agent of this Mac has not told it. Two different ends: pull out every disk that does not belong to the Mac, look again.';
  return {
    text: `${text} No such file: Disk Utility > Data > Mount, with the password.`,
    type: [`md5 ${KIT}/${name}`],
  };
}

function visitItem({ visit: { kind, code, state } }: RunSheetInput): SheetItem {
  if (kind === 'revert') return { text: 'Type this line; it needs no code:', type: [`sh ${KIT}/revert`] };
  if (code !== null)
    return { text: 'Type this line, the code is for this Mac and this visit alone:', type: [visitLine(code)] };
  const why = withoutCode(state);
  return { text: `${why}; it stands where CODE is:`, type: [visitLine('CODE')] };
}

function withoutCode(state: string): string {
  if (state === 'due') return 'The code exists once the visit is opened: open it and print this page again';
  if (state === 'open') return 'The code is shown to those who may open visits: ask them';
  return `This visit is ${state}, nothing is left to do in it and its code is gone`;
}
