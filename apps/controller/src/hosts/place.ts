/**
 * Where a Mac stands and what a visit to it takes: kept by admins, since no agent can read it. Null = not known.
 * Guarantee: no password is kept, only the address under which people find it.
 */
import { KEYBOARD_LAYOUTS, type KeyboardLayout, PLACE_TYPES, passwordLinkProblem } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import type { HostPlace } from '../db/generated/client.ts';

/** What stands on one line of a run sheet: no line ends, no other controls. */
const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'takes one line of text');

const layouts = Object.keys(KEYBOARD_LAYOUTS) as [KeyboardLayout, ...KeyboardLayout[]];

const fields = {
  location: line(60).nullable().describe('Where one drives to: a building.'),
  place: line(60).nullable().describe('Where one walks to: room, rack, shelf.'),
  placeType: z
    .enum(PLACE_TYPES)
    .nullable()
    .describe('remote_hands = servo on the power button and IP-KVM; no_hands = no visit in recoveryOS can be made.'),
  assetTag: line(60).nullable(),
  ownerAccount: z
    .string()
    .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,39}$/u, 'takes the short name of an account')
    .nullable()
    .describe('Volume owner that signs in in recoveryOS. Its name only, never its password.'),
  passwordLink: z
    .string()
    .max(160)
    .superRefine((text, context) => {
      const message = passwordLinkProblem(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    })
    .nullable()
    .describe('Where its password is kept, e.g. https://vault.example/{serial}. Never the password.'),
  recoveryLock: z.enum(['yes', 'no']).nullable(),
  keyboardLayout: z.enum(layouts).nullable(),
  hasDisplay: z.boolean().nullable().describe('A display is there.'),
  hasKeyboard: z.boolean().nullable().describe('A USB keyboard is there.'),
  needsEthernet: z.boolean().nullable().describe('A cable has to be brought.'),
};

export const placeInput = z.strictObject(fields).partial();
export type PlaceInput = z.output<typeof placeInput>;

export const placeView = z.object({
  ...fields,
  // Read back as they were taken; a rule that grew stricter must not hide a row.
  ownerAccount: z.string().nullable(),
  passwordLink: z.string().nullable(),
  updatedAt: isoDate.nullable(),
  updatedBy: z.string().nullable(),
});
export type PlaceView = z.input<typeof placeView>;
export type PlaceFields = Omit<PlaceView, 'updatedAt' | 'updatedBy'>;

export const UNKNOWN_PLACE: PlaceFields = {
  location: null,
  place: null,
  placeType: null,
  assetTag: null,
  ownerAccount: null,
  passwordLink: null,
  recoveryLock: null,
  keyboardLayout: null,
  hasDisplay: null,
  hasKeyboard: null,
  needsEthernet: null,
};

export function placeFields(row: HostPlace | null | undefined): PlaceFields {
  if (row == null) return UNKNOWN_PLACE;
  const { hostId: _host, siteId: _site, updatedAt: _at, updatedBy: _by, ...kept } = row;
  // The CHECKs of the table and the schema of the input keep these to their values.
  return kept as PlaceFields;
}

export function showPlace(row: HostPlace | null | undefined): PlaceView {
  return {
    ...placeFields(row),
    updatedAt: row?.updatedAt.toISOString() ?? null,
    updatedBy: row?.updatedBy ?? null,
  };
}
