/**
 * Identities and filler that follow from content alone: the same input gives the same UUID and the same bytes on every
 * machine, so a sha256 of a simulated KDK and the LC_UUID of a kernel collection are stable.
 */
import { createCipheriv, createHash } from 'node:crypto';

/** An RFC 9562 version-8 UUID out of a sha256 over the parts, each with its length in front; upper case. */
export function uuidOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return formatUuid(bytes);
}

export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

export function uuidBytes(uuid: string): Buffer {
  const hex = uuid.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new TypeError(`"${uuid}" is not a UUID`);
  return Buffer.from(hex, 'hex');
}

/** `size` bytes that look like code to a compressor and are the same for the same seed. */
export function filler(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
  return stream.update(Buffer.alloc(size));
}
