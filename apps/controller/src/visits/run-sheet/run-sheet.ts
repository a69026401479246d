/** The run sheet of a visit: all that a person needs who stands before this Mac, on one page, and nothing that must stay secret. */
import { backFromTerminal, ownerNames, type Sheet, type SheetSection, sheetList, sheetValue } from '@headroom/core';
import { keyboard, questions, remedies } from './help.ts';
import type { RunSheetInput, SheetKind } from './sheet-input.ts';
import { inRecovery, lookFirst, restartInMacos } from './steps.ts';

const TITLES: Readonly<Record<SheetKind, string>> = {
  raise: 'Visit: raise the macOS guest quota',
  revert: 'Visit: take the raise back',
  restart: 'Visit: restart this Mac',
  recover: 'Visit: look at a Mac that is lost',
};

/** What a visit is planned with. Estimates: no visit on a Mac has been timed. */
const MINUTES: Readonly<Record<SheetKind, number>> = { raise: 15, revert: 15, restart: 5, recover: 20 };

export function runSheet(input: RunSheetInput): Sheet {
  const { visit, printedAt } = input;
  return {
    title: TITLES[visit.kind],
    about: aboutMac(input),
    sections: [
      { title: 'Why, and what it lowers', numbered: false, items: why(input) },
      { title: 'Before you go', numbered: false, items: toBring(input) },
      ...atTheMac(input),
    ],
    footer: `Printed ${shownTime(printedAt)}. No password stands on this page. Headroom ends the visit by what the Mac shows afterwards; nobody has to report.`,
  };
}

function atTheMac(input: RunSheetInput): readonly SheetSection[] {
  const { visit, facts } = input;
  if (visit.kind === 'restart') return [restartInMacos(input)];
  if (visit.kind === 'recover') return [lookFirst(facts), ...backFromTerminal(facts), keyboard];
  return [inRecovery(input), questions(visit.kind), remedies(visit.kind), keyboard];
}

function aboutMac({ visit, host, facts }: RunSheetInput): Sheet['about'] {
  const chip = facts.hardware.chip === null ? '' : `, ${sheetValue(facts.hardware.chip, 30)}`;
  return [
    ['Mac', sheetValue(host.name)],
    [
      'Serial',
      `${sheetValue(host.serial ?? facts.hardware.serial, 30)}; model ${sheetValue(host.model ?? facts.hardware.model, 30)}${chip}`,
    ],
    ['Place', sheetValue(host.site)],
    ['Labels, asset tag', host.labels.length === 0 ? 'none' : sheetList(host.labels)],
    ['Page of this Mac', sheetValue(host.url, 200)],
    [
      'Visit',
      `${visit.id}, ${sheetValue(visit.state)}; assigned to ${visit.owner === null ? 'nobody yet' : sheetValue(visit.owner, 30)}; due ${visit.dueAt === null ? 'at no set time' : shownTime(visit.dueAt)}`,
    ],
  ];
}

function why({ visit }: RunSheetInput): SheetSection['items'] {
  const reason = sheetValue(visit.reason, 160);
  if (visit.kind === 'restart') return [reason, 'Nothing is lowered by a restart.'];
  if (visit.kind === 'recover')
    return [reason, 'Nothing is lowered. Silence alone proves nothing: see what it is first.'];
  if (visit.kind === 'revert')
    return [
      reason,
      'Nothing is lowered. System Integrity Protection goes on, startup security to Full, the custom kernel goes; then 2 macOS guests at once, as on every Mac.',
    ];
  return [
    reason,
    `Afterwards up to ${visit.quota ?? 'the wanted number of'} macOS guests may run at once.`,
    'Until it is taken back: startup security goes to Permissive; System Integrity Protection, kernel memory lock and the boot argument filter go off; any kernel extension may load.',
    'Meanwhile apps for iPhone and iPad, Apple Pay and some protected video do not work.',
    ...(visit.expiresAt === null ? [] : [`The consent for it ends ${shownTime(visit.expiresAt)}.`]),
  ];
}

function toBring(input: RunSheetInput): SheetSection['items'] {
  const { visit, facts } = input;
  const serial = sheetValue(input.host.serial ?? facts.hardware.serial, 30);
  const internet =
    visit.kind === 'revert' || visit.kind === 'recover'
      ? 'an Ethernet cable: Full Security needs Internet'
      : 'an Ethernet cable, should recoveryOS ask for Internet';
  return [
    guests(input),
    ...(visit.kind === 'restart'
      ? []
      : [
          `Owner account: ${ownerNames(facts)}.`,
          `Its password: ask your password store for ${passwordOf(facts)} of ${serial}, before the shutdown; one that was changed and never reached the Mac is useless.`,
          recoveryLock(facts.mdm.enrolled),
          `Bring a display, a USB keyboard, and ${internet}. The power button may hide under the rear corner or in a rack sled; remotely it takes a servo on it and an IP-KVM.`,
        ]),
    `About ${MINUTES[visit.kind]} minutes (an estimate). ${unlocks(input)}`,
  ];
}

function passwordOf({ volumes: { owners, recoveryAdmins } }: RunSheetInput['facts']): string {
  const user = recoveryAdmins?.find(({ uuid }) => owners?.some((owner) => owner.uuid === uuid))?.user;
  return user === undefined ? 'the owner account' : sheetValue(user, 30);
}

function guests({ facts, factsAt, visit }: RunSheetInput): string {
  const { processesAtMost } = facts.guests;
  const at = factsAt === null ? '' : ` (seen ${shownTime(factsAt)})`;
  const act = visit.kind === 'restart' ? 'Restart' : 'Shut down';
  if (processesAtMost === null) return `Running guests: not known. ${act} only after you have seen that none runs.`;
  return processesAtMost === 0
    ? `Running guests: none${at}. Look again before you go on.`
    : `Running guests: up to ${processesAtMost}${at}. ${act} only when none runs any more.`;
}

function recoveryLock(enrolled: boolean | null): string {
  if (enrolled === false) return 'Recovery Lock: not expected, this Mac is in no MDM.';
  const managed = enrolled === true ? 'this Mac is in an MDM' : 'whether this Mac is in an MDM is not known';
  return `Recovery Lock: ${managed}; if it is set, its own password is asked before anything else. Fetch it from the MDM first.`;
}

function unlocks({ visit, facts }: RunSheetInput): string {
  if (facts.fileVault === 'off') return 'FileVault is off: nobody has to unlock afterwards.';
  const often = visit.kind === 'raise' ? 'once, and again if Headroom asks for one more restart' : 'once';
  const known = facts.fileVault === null ? 'If FileVault is on (not known)' : `FileVault is ${facts.fileVault}`;
  return `${known}: after the restart somebody unlocks the Mac at its login screen, ${often}. Until then it is silent.`;
}

function shownTime(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
