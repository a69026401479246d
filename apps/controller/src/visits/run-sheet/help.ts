/** What the screen will ask, and what to do when it does not go as it should: the remedies of docs/scenarios.md in short. */
import { allKeyboards, KEYBOARD_LAYOUTS, type KeyboardLayout, type SheetItem, type SheetSection } from '@headroom/core';
import type { SheetKind } from './sheet-input.ts';

const RESTART: SheetItem = { when: 'Restart now? [y/n]', answer: 'y' };
const SIGN_IN = 'name and password of the owner account above; a password does not show';

/** In the order in which they come; each tool asks for itself. */
const RAISE_QUESTIONS: readonly SheetItem[] = [
  { when: 'Go on? [y/n]', answer: 'y; Go on all the same? (in doubt only): n, unless you know better' },
  { when: 'csrutil: allow unsigned operating systems and any kernel extensions?', answer: 'y' },
  { when: 'csrutil: an authorized user (with several owners), password', answer: SIGN_IN },
  { when: 'bputil: Username, Password (seldom; then csrutil again)', answer: 'the same' },
  { when: 'kmutil: are you sure? Username, Password', answer: 'y, then the same' },
  RESTART,
];

const REVERT_QUESTIONS: readonly SheetItem[] = [
  { when: 'Go on? [y/n]', answer: 'y' },
  { when: 'csrutil: raise the security level to full boot security?', answer: 'y (n keeps the custom kernel)' },
  { when: 'csrutil: an authorized user (with several owners), password', answer: SIGN_IN },
  {
    when: 'Go to Reduced Security with bputil -g now? (only when Full was refused)',
    answer: 'y without Internet or when this macOS is no longer offered; else n, then again',
  },
  { when: 'bputil: Username, Password (only after that y)', answer: 'the same' },
  RESTART,
];

export function questions(kind: SheetKind): SheetSection {
  return {
    title: 'It will ask. Wait for each question: a key typed ahead becomes the answer',
    numbered: false,
    items: kind === 'revert' ? REVERT_QUESTIONS : RAISE_QUESTIONS,
  };
}

const AGAIN: readonly SheetItem[] = [
  {
    when: 'Black screen, or no word for minutes',
    answer: 'press Shift: the display sleeps while the tools work',
  },
  {
    when: 'Power fails, or the line stops',
    answer: 'back by the held button, type the same line again; done steps are left out',
  },
  { when: 'Wrong answer or password', answer: 'the same line again; many wrong passwords are delayed' },
  {
    when: 'AP boot mode (11), or not the paired recoveryOS',
    answer: 'shut down, wait until it is off, hold the button in one motion',
  },
];

const RAISE_REMEDIES: readonly SheetItem[] = [
  ...AGAIN,
  {
    when: 'not a valid admin user',
    answer: 'check the name; else in macOS: sudo diskutil apfs updatePreboot /, then come back',
  },
  { when: 'Invalid Mach-O boot properties', answer: 'choose the system in Startup Disk, come back, the same line' },
  {
    when: 'pairing (17), though the button was held',
    answer: 'type the bputil -f line that the screen shows, then the same line',
  },
  { when: 'It says done, but the policy says no', answer: 'csrutil clear, then the same line' },
  { when: 'Wrong code, or another build', answer: 'compare Mac and code; else reboot, and wait for a new visit' },
];

const REVERT_REMEDIES: readonly SheetItem[] = [
  ...AGAIN,
  { when: 'Code 102, no Internet', answer: 'connect Ethernet, the same line again' },
  { when: 'This macOS is no longer offered', answer: 'the same line again, answer y to Reduced Security' },
  { when: 'The kit is not there', answer: 'type csrutil enable, answer y, name and password; then reboot' },
];

export function remedies(kind: SheetKind): SheetSection {
  const last: SheetItem = {
    when: 'It does not start any more, or a bar never ends',
    answer: 'the break-glass page of this Mac: print it before you go',
  };
  return {
    title: 'When it does not work',
    numbered: false,
    items: [...(kind === 'revert' ? REVERT_REMEDIES : RAISE_REMEDIES), last],
  };
}

const OTHER_LETTERS: Partial<Record<KeyboardLayout, string>> = {
  german: 'y and z change places',
  swiss_german: 'y and z change places',
  french: 'a and q, z and w change places, and digits need Shift',
};

/** Where the characters of the line are; of the layout that is known to be there, or of all. */
export function keyboard(layout: KeyboardLayout | null): SheetSection {
  const title = 'Where / and * are: the layout of recoveryOS may differ from that of macOS and of the keys';
  return { title, numbered: false, items: [`${layout === null ? allKeyboards() : oneLayout(layout)} ${KEYPAD}`] };
}

const KEYPAD = 'A numeric keypad has both. The input menu at the top right changes the layout.';

function oneLayout(layout: KeyboardLayout): string {
  const { name, slash, star } = KEYBOARD_LAYOUTS[layout];
  const { us } = KEYBOARD_LAYOUTS;
  const there = `${name} keyboard there: ${slash}, ${star}.`;
  if (layout === 'us' || layout === 'uk') return there;
  const letters = OTHER_LETTERS[layout];
  const also = letters === undefined ? '' : `; ${letters}`;
  return `${there} Should recoveryOS take the keys as US: ${us.slash}, ${us.star}${also}.`;
}
