/** What has to be known and carried before somebody goes. What nobody said is said to be not known, never guessed. */
import { ownerNames, type PlaceType, type SheetSection, sheetList, sheetValue } from '@headroom/core';
import { firstWayBack } from '../visit-lines.ts';
import type { RunSheetInput, SheetKind } from './sheet-input.ts';
import { shownTime } from './time.ts';

/** What a visit is planned with. Estimates: no visit on a Mac has been timed. */
const MINUTES: Readonly<Record<SheetKind, number>> = { raise: 15, revert: 15, restart: 5, recover: 20 };

export function toBring(input: RunSheetInput): SheetSection['items'] {
  const { kind } = input.visit;
  const minutes = `About ${MINUTES[kind]} minutes (an estimate). ${unlocks(input)}`;
  if (kind === 'restart') return [guests(input), minutes];
  const first = kind === 'revert' ? [firstWayBack(input.facts.volumes.group)] : [];
  return [...first, guests(input), owner(input), password(input), recoveryLock(input), equipment(input), minutes];
}

function guests({ facts, factsAt, visit }: RunSheetInput): string {
  const { processesAtMost } = facts.guests;
  const at = factsAt === null ? '' : ` (seen ${shownTime(factsAt)})`;
  if (visit.kind === 'recover')
    return `Running guests when it was last heard of: ${processesAtMost ?? 'not known'}${at}.`;
  const act = visit.kind === 'restart' ? 'Restart' : 'Shut down';
  if (processesAtMost === null) return `Running guests: not known. ${act} only after you have seen that none runs.`;
  return processesAtMost === 0
    ? `Running guests: none${at}. Look again before you go on.`
    : `Running guests: up to ${processesAtMost}${at}. ${act} only when none runs any more.`;
}

/** The account that admins named, and whether the Mac agrees; else those that it lists. */
function owner({ facts, place }: RunSheetInput): string {
  if (place.ownerAccount === null) return `Owner account: ${ownerNames(facts)}.`;
  const named = sheetValue(place.ownerAccount);
  const owners = facts.volumes.owners?.flatMap(({ user }) => user ?? []) ?? null;
  if (owners === null) return `Owner account: ${named}.`;
  return owners.includes(place.ownerAccount)
    ? `Owner account: ${named}, an owner by what the Mac says.`
    : `Owner account: ${named}, but the owners are by what the Mac says: ${sheetList(owners, 2) || 'none'}.`;
}

function password({ facts, host, place, passwordUrl }: RunSheetInput): string {
  const serial = sheetValue(host.serial ?? facts.hardware.serial, 30);
  const where =
    passwordUrl === null
      ? `ask your password store for ${accountOf(facts, place)} of ${serial}`
      : sheetValue(passwordUrl, PASSWORD_URL_CHARS);
  return `Its password: ${where}, before the shutdown; one that was changed and never reached the Mac is useless.`;
}

function accountOf(
  { volumes: { owners, recoveryAdmins } }: RunSheetInput['facts'],
  place: RunSheetInput['place'],
): string {
  const listed = recoveryAdmins?.find(({ uuid }) => owners?.some((one) => one.uuid === uuid))?.user;
  const user = place.ownerAccount ?? listed;
  return user === undefined ? 'the owner account' : sheetValue(user, 30);
}

function recoveryLock({ facts: { mdm }, place }: RunSheetInput): string {
  if (place.recoveryLock === 'yes')
    return 'Recovery Lock: set. Its own password is asked before anything else; fetch it from the MDM now. Refused: hold the power button until the Mac is off, start macOS, let the MDM reach it, fetch the present one.';
  if (place.recoveryLock === 'no') return 'Recovery Lock: not set.';
  if (mdm.enrolled === false) return 'Recovery Lock: not expected, this Mac is in no MDM.';
  const managed = mdm.enrolled === true ? 'this Mac is in an MDM' : 'whether this Mac is in an MDM is not known';
  return `Recovery Lock: not known; ${managed}. If it is set, its own password is asked before anything else. Fetch it from the MDM first.`;
}

/** Longer than any template may be; what is filled in may make it longer still, and the page has an end. */
const PASSWORD_URL_CHARS = 180;

const BUTTON = 'The power button may hide under the rear corner or in a rack sled.';
const HOW: Readonly<Record<PlaceType, string>> = {
  desk: 'The power button may hide under the rear corner.',
  rack: 'The power button may be hidden in the rack sled: know how to reach it.',
  remote_hands:
    'Remote hands: the servo holds the button, the IP-KVM is display and keyboard. Try both before the shutdown.',
  no_hands: 'NOBODY GETS TO THIS MAC by what the admins say: ask before you go.',
};

function equipment({ visit, place }: RunSheetInput): string {
  const needed: readonly (readonly [thing: string, isThere: boolean | null])[] = [
    ['a display', place.hasDisplay],
    ['a USB keyboard', place.hasKeyboard],
  ];
  const how =
    place.placeType === null ? `${BUTTON} Remotely it takes a servo on it and an IP-KVM.` : HOW[place.placeType];
  if (place.placeType === 'remote_hands') return `${how} ${cable(visit.kind, place.needsEthernet)}`;
  const there = needed.filter(([, isThere]) => isThere === true).map(([thing]) => thing);
  const bring = needed.filter(([, isThere]) => isThere !== true).map(([thing]) => thing);
  return [
    ...(bring.length > 0 ? [`Bring ${bring.join(' and ')}.`] : []),
    ...(there.length > 0 ? [`There already: ${there.join(' and ')}.`] : []),
    cable(visit.kind, place.needsEthernet),
    how,
  ].join(' ');
}

function cable(kind: SheetKind, isNeeded: boolean | null): string {
  const why = kind === 'raise' ? 'recoveryOS may ask for Internet' : 'Full Security needs Internet';
  if (isNeeded === true) return `Ethernet: a cable is needed here (${why}).`;
  if (isNeeded === false) return `Ethernet: no cable has to be brought (${why}).`;
  return `Ethernet: bring a cable (${why}).`;
}

function unlocks({ visit, facts }: RunSheetInput): string {
  if (facts.fileVault === 'off') return 'FileVault is off: nobody has to unlock afterwards.';
  const often = visit.kind === 'raise' ? 'once, and again if Headroom asks for one more restart' : 'once';
  const known = facts.fileVault === null ? 'If FileVault is on (not known)' : `FileVault is ${facts.fileVault}`;
  return `${known}: after the restart somebody unlocks the Mac at its login screen, ${often}. Until then it is silent.`;
}
