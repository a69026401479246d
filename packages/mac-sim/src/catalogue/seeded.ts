/** Identities of simulated Macs: the same seed and label always give the same value, so a Mac can be made again. */
import { createHash } from 'node:crypto';

export function seededHex(seed: string, label: string, digits: number): string {
  let hex = '';
  for (let block = 0; hex.length < digits; block += 1)
    hex += createHash('sha256').update(`${seed}\0${label}\0${block}`).digest('hex');
  return hex.slice(0, digits).toUpperCase();
}

/** An upper-case UUID with version and variant bits set. */
export function seededUuid(seed: string, label: string): string {
  const hex = seededHex(seed, label, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `A${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

/** 96 digits, as the hashes in a boot policy. */
export function seededHash(seed: string, label: string): string {
  return seededHex(seed, label, 96);
}

/** A serial number; the letters say that no Mac has it. */
export function seededSerial(seed: string): string {
  return `SIM${seededHex(seed, 'serial', 7)}`;
}
