/**
 * The break-glass page: how a Mac that does not start any more comes back, from the nearest way to the last resort. It needs
 * neither Headroom nor its kit; the agent lays it on the Mac before anything is changed, and the controller prints it.
 * Guarantee: a line to type holds nothing from the Mac but UUIDs that are UUIDs.
 */
import { BOOT_NAMESPACE } from './boot-args.ts';
import type { Facts } from './facts.ts';
import { allKeyboards } from './place.ts';
import { type Sheet, type SheetSection, sheetList, sheetValue } from './sheet.ts';

/** Beside the visit kit. */
export const BREAK_GLASS_FILE = 'BREAK-GLASS.txt';

export interface BreakGlassInput {
  /** Name in Headroom; null where only the Mac itself is known. */
  readonly name: string | null;
  readonly facts: Facts;
  /** Where this page comes from, and of when it is. */
  readonly source: string;
}

export function breakGlass({ name, facts, source }: BreakGlassInput): Sheet {
  const { hardware, volumes, os } = facts;
  const group = uuidOr(volumes.group, 'GROUP');
  return {
    title: 'Break glass: this Mac does not start',
    about: [
      ...(name === null ? [] : [['Mac', sheetValue(name)] as const]),
      ['Serial', `${sheetValue(hardware.serial)}; model ${sheetValue(hardware.model)}, ${sheetValue(hardware.chip)}`],
      ['Hardware UUID', sheetValue(hardware.uuid)],
      ['macOS', `${sheetValue(os.version)} (${sheetValue(os.build)})`],
      ['System volume', `${sheetValue(volumes.systemName)}, UUID ${sheetValue(volumes.systemUuid)}`],
      ['Data volume', `UUID ${sheetValue(volumes.dataUuid)}`],
      ['Volume group', `${sheetValue(volumes.group)} (names the boot policy)`],
      ['Owner accounts', ownerNames(facts)],
      ['FileVault', 'waiting at the unlock screen is no failure: unlock it'],
    ],
    sections: [...backFromTerminal(facts), afterwards(group), lastResort(), keyboards()],
    footer: `${source} Never type bputil with -k, -r, -z or -s; never choose Erase Mac. No password stands on this page.`,
  };
}

/** From a Mac that does not start to the kernel of Apple. */
export function backFromTerminal(facts: Facts): readonly SheetSection[] {
  const group = uuidOr(facts.volumes.group, 'GROUP');
  return [intoTerminal(facts), backToStock(group, facts.volumes.group !== group)];
}

/** Accounts that may change the boot policy, those first that recoveryOS lets sign in. */
export function ownerNames({ volumes: { owners, recoveryAdmins } }: Facts): string {
  const named = (owners ?? []).filter(({ user }) => user !== null && user !== '');
  if (named.length === 0) return 'not known: ask the admin of this Mac for an account with a secure token';
  if (recoveryAdmins == null) return sheetList(named.map(({ user }) => user ?? ''));
  const listed = new Set(recoveryAdmins.map(({ uuid }) => uuid.toUpperCase()));
  const [can, cannot] = [true, false].map((wanted) =>
    named.filter(({ uuid }) => listed.has(uuid.toUpperCase()) === wanted).map(({ user }) => user ?? ''),
  );
  if (can === undefined || can.length === 0)
    return `${sheetList(named.map(({ user }) => user ?? ''))} (recoveryOS lists none of them)`;
  return cannot === undefined || cannot.length === 0
    ? sheetList(can)
    : `${sheetList(can, 3)} (recoveryOS does not list ${sheetList(cannot, 2)})`;
}

function intoTerminal({ mdm }: Facts): SheetSection {
  const lock =
    mdm.enrolled === false
      ? ''
      : `${mdm.enrolled === true ? 'This Mac is managed' : 'Should this Mac be managed'}: a Recovery Lock asks its own password first; your MDM has it.`;
  return {
    title: 'Into the Terminal of recoveryOS',
    numbered: true,
    items: [
      'Connect display, USB keyboard and Ethernet. Hold the power button until the Mac is off, and let go.',
      'Press the power button and keep holding, in one motion, until "Loading startup options" shows. Pressing twice, or the screen that comes after a failed start, leads to another recoveryOS, which refuses.',
      `Choose Options, then Continue, and sign in with an owner account. ${lock}`.trim(),
      'Choose Utilities > Terminal (Shift-Command-T).',
    ],
  };
}

function backToStock(group: string, groupUnknown: boolean): SheetSection {
  return {
    title: 'Back to the kernel of Apple: the first way that works is enough',
    numbered: true,
    items: [
      {
        text: 'The revert of the kit; it says what it does and asks. Data missing under /Volumes? Disk Utility > Data > Mount, with the password, then again.',
        type: ['sh /Volumes/*/Library/Headroom/revert'],
      },
      {
        text: 'Without the kit. Answer y to raising security to full (n keeps the custom kernel); give name and password of an owner; needs Internet. Before it, unless the Mac had boot arguments of its own (a refusal does not matter):',
        type: [`nvram -d ${BOOT_NAMESPACE}:boot-args`, 'csrutil enable'],
      },
      'Without the Terminal: Utilities > Startup Security Utility, choose the system volume, Security Policy, Full Security.',
      {
        text: `No Internet (Code 102), or this macOS is no longer offered: stock kernel and System Integrity Protection, but Reduced Security; Full can follow later.${groupUnknown ? ' GROUP is the UUID of the volume group: diskutil apfs listVolumeGroups shows it.' : ''}`,
        type: [`bputil -g -v ${group}`],
      },
      { text: 'Refused with "pairing (17)" although the button was held:', type: [`bputil -f -v ${group}`] },
    ],
  };
}

function afterwards(group: string): SheetSection {
  return {
    title: 'See that it worked',
    numbered: true,
    items: [
      {
        text: 'The custom kernel (coih) has to be absent, and System Integrity Protection enabled:',
        type: [`bputil -d -v ${group}`, 'csrutil status'],
      },
      { text: 'Not so, although it said that it is done: a stuck policy.', type: ['csrutil clear', 'csrutil enable'] },
      {
        text: 'Restart; with FileVault somebody unlocks. Headroom reads the state from macOS by itself.',
        type: ['reboot'],
      },
    ],
  };
}

function lastResort(): SheetSection {
  return {
    title: 'Last resort: from another Mac over USB-C',
    numbered: true,
    items: [
      'Put this Mac into DFU mode (port and keys depend on the model: see "revive or restore" at support.apple.com) and open Finder or Apple Configurator on the other Mac.',
      'Revive: new firmware and recoveryOS, the data stays. Then start the Mac, or begin above once more.',
      'Restore, only when revive did not help and a backup exists: ERASES the whole Mac.',
    ],
  };
}

function keyboards(): SheetSection {
  return { title: 'Where / and * are on the keyboard', numbered: false, items: [allKeyboards()] };
}

const UUID = /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/i;

/** Nothing but a UUID is put into a line that somebody types as root. */
export function uuidOr(text: string | null, otherwise: string): string {
  return text !== null && UUID.test(text) ? text : otherwise;
}
