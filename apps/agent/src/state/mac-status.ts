/** The few readings that inventory tools ask for, out of the facts. */
import type { Facts } from '@headroom/core';
import type { MacStatus } from './status-file.ts';

export function macStatusOf({ os, kernel, guests, visitKit, unknown }: Facts): MacStatus {
  return {
    build: os.build,
    kernelConfig: kernel.config,
    guestQuota: guests.derivedQuota,
    visitKitPlaced: visitKit === null && 'visitKit' in unknown ? null : visitKit !== null,
    witnessedGuests: guests.witness?.macosGuests ?? null,
  };
}
