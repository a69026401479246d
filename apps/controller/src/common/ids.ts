import { randomBytes } from 'node:crypto';

/** By the millisecond they were made for, the latest begun last. Times alternate: a row may be made for a moment before another's. */
const counters = new Map<number, number>();
const KEPT = 64;

/**
 * UUIDv7: time-ordered, so that rows made together lie together and cost per row stays flat. `at` in ms since 1970. Ids made
 * by this process for the same millisecond keep their order: 12 bits after the version count up from a random start.
 */
export function uuidv7(at: number = Date.now()): string {
  const bytes = randomBytes(16);
  const counter = (counters.get(at) ?? (bytes.readUInt16BE(6) & 0x7ff) - 1) + 1;
  counters.set(at, counter);
  const [oldest] = counters.keys();
  if (counters.size > KEPT && oldest !== undefined) counters.delete(oldest);
  bytes.writeUIntBE(at + Math.floor(counter / 0x1000), 0, 6);
  bytes.writeUInt16BE(0x7000 | (counter & 0xfff), 6);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The time that a UUIDv7 was made for, in ms. */
export function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

/** Lower than every UUIDv7 of this millisecond. */
export function firstIdAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
