/** The run sheet of a visit: all that a person needs who stands before this Mac, on one page, and nothing that must stay secret. */
import { backFromTerminal, type PlaceType, type Sheet, type SheetSection, sheetList, sheetValue } from '@headroom/core';
import { keyboard, questions, remedies } from './help.ts';
import type { RunSheetInput, SheetKind } from './sheet-input.ts';
import { inRecovery, lookFirst, restartInMacos } from './steps.ts';
import { shownTime } from './time.ts';
import { toBring } from './to-bring.ts';

const TITLES: Readonly<Record<SheetKind, string>> = {
  raise: 'Visit: raise the macOS guest quota',
  revert: 'Visit: take the raise back',
  restart: 'Visit: restart this Mac',
  recover: 'Visit: look at a Mac that is lost',
};

export function runSheet(input: RunSheetInput): Sheet {
  const { visit, host, printedAt } = input;
  return {
    title: TITLES[visit.kind],
    link: host.pageUrl,
    about: aboutMac(input),
    sections: [
      { title: 'Why, and what it lowers', numbered: false, items: why(input) },
      { title: 'Before you go', numbered: false, items: toBring(input) },
      ...atTheMac(input),
    ],
    footer: `Printed ${shownTime(printedAt)}. No password stands on this page. When you leave, say "done" in Headroom; only evidence ends it.`,
  };
}

function atTheMac(input: RunSheetInput): readonly SheetSection[] {
  const { visit, facts, place } = input;
  const keys = keyboard(place.keyboardLayout);
  if (visit.kind === 'restart') return [restartInMacos(input)];
  if (visit.kind === 'recover') return [lookFirst(facts), ...backFromTerminal(facts), keys];
  return [inRecovery(input), questions(visit.kind), remedies(visit.kind), keys];
}

const PLACE_WORDS: Readonly<Record<PlaceType, string>> = {
  desk: 'desk',
  rack: 'rack',
  remote_hands: 'remote hands (servo and IP-KVM)',
  no_hands: 'no hands',
};

function placeOf({ host, place: { location, place, placeType } }: RunSheetInput): string {
  const where = [location, place].filter((text) => text !== null).map((text) => sheetValue(text));
  const type = placeType === null ? 'type not known' : PLACE_WORDS[placeType];
  return where.length === 0
    ? `not known, of the fleet's site ${sheetValue(host.site, 40)}; ${type}`
    : `${where.join(', ')}; ${type}`;
}

const NO_QR_CODE = ' (no QR code: the controller was started without --public-url)';

function aboutMac(input: RunSheetInput): Sheet['about'] {
  const { visit, host, facts, place } = input;
  const chip = facts.hardware.chip === null ? '' : `, ${sheetValue(facts.hardware.chip, 30)}`;
  return [
    ['Mac', sheetValue(host.name)],
    [
      'Serial, asset tag',
      `${sheetValue(host.serial ?? facts.hardware.serial, 30)}; asset tag ${sheetValue(place.assetTag, 30)}; model ${sheetValue(host.model ?? facts.hardware.model, 30)}${chip}`,
    ],
    ['Place', placeOf(input)],
    ['Labels', host.labels.length === 0 ? 'none' : sheetList(host.labels)],
    ['Page of this Mac', `${sheetValue(host.url, 200)}${host.pageUrl === null ? NO_QR_CODE : ''}`],
    [
      'Visit',
      `${visit.id}, ${sheetValue(visit.state)}; assigned to ${visit.owner === null ? 'nobody yet' : sheetValue(visit.owner, 30)}; due ${visit.dueAt === null ? 'at no set time' : shownTime(visit.dueAt)}`,
    ],
  ];
}

function why({ visit }: RunSheetInput): SheetSection['items'] {
  const reason = sheetValue(visit.reason, 130);
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
