import type { Facts } from '@headroom/core';
import type { PlaceFields } from '../../hosts/place.ts';

export const SHEET_KINDS = ['raise', 'revert', 'restart', 'recover'] as const;
export type SheetKind = (typeof SHEET_KINDS)[number];

/** All that a run sheet tells, read from the database; what it must not tell is not in here. */
export interface RunSheetInput {
  readonly visit: {
    readonly id: string;
    readonly kind: SheetKind;
    readonly state: string;
    readonly reason: string;
    readonly quota: number | null;
    /** Who has been given this visit. */
    readonly owner: string | null;
    readonly dueAt: Date | null;
    readonly expiresAt: Date | null;
    /** Null unless the visit is open and the reader may open visits. */
    readonly code: string | null;
  };
  readonly host: {
    readonly name: string;
    readonly serial: string | null;
    readonly model: string | null;
    readonly labels: readonly string[];
    readonly site: string;
    /** Address of the host: its page where one is configured, else in the API that was asked. */
    readonly url: string;
    /** For a QR code; null = no address is configured that a phone could open. */
    readonly pageUrl: string | null;
  };
  /** As admins keep it. */
  readonly place: PlaceFields;
  /** Where the owner's password is kept; null = nobody said it, or a part of the address is not known. */
  readonly passwordUrl: string | null;
  /** Empty facts where nothing was ever reported. */
  readonly facts: Facts;
  readonly factsAt: Date | null;
  /** md5 of the kit's script, as told by the Mac that placed it. */
  readonly scriptMd5: string | null;
  readonly printedAt: Date;
}
