/**
 * Moves one image to its place in a collection: rewrites the offsets and addresses in its load commands and symbols, so
 * that they are true inside the collection. Works on images of `image.ts`, where __LINKEDIT is the last segment.
 */
import { HEADER_SIZE, LC_SEGMENT_64, LC_SYMTAB, SECTION_SIZE, SEGMENT_COMMAND_SIZE, SYMBOL_SIZE } from './format.ts';

export interface SplitImage {
  /** Everything before __LINKEDIT. */
  readonly body: Buffer;
  readonly linkedit: Buffer;
  /** Address of the image's first byte. */
  readonly baseAddress: bigint;
}

export function splitLinkedit(image: Buffer): SplitImage {
  const segments = commandsOf(image).filter(({ cmd }) => cmd === LC_SEGMENT_64);
  const first = segments[0];
  const linkedit = segments.find(({ offset }) => segmentName(image, offset) === '__LINKEDIT');
  if (first === undefined || linkedit === undefined)
    throw new TypeError('image has no __TEXT or no __LINKEDIT segment');
  const start = Number(image.readBigUInt64LE(linkedit.offset + 40));
  return {
    body: image.subarray(0, start),
    linkedit: image.subarray(start),
    baseAddress: image.readBigUInt64LE(first.offset + 24),
  };
}

export interface Move extends SplitImage {
  readonly bodyOffset: number;
  readonly linkeditOffset: number;
  /** Address of the collection's first byte. */
  readonly collectionBase: bigint;
}

/** Copies with every address and offset rewritten; the inputs stay as they are. */
export function relocate(move: Move): { body: Buffer; linkedit: Buffer } {
  const body = Buffer.from(move.body);
  const linkedit = Buffer.from(move.linkedit);
  const addressShift = move.collectionBase + BigInt(move.bodyOffset) - move.baseAddress;
  const linkeditShift = move.linkeditOffset - move.body.length;
  for (const { cmd, offset } of commandsOf(body)) {
    if (cmd === LC_SYMTAB) {
      shiftSymbols(
        linkedit,
        body.readUInt32LE(offset + 8) - move.body.length,
        body.readUInt32LE(offset + 12),
        addressShift,
      );
      shift32(body, offset + 8, linkeditShift);
      shift32(body, offset + 16, linkeditShift);
    } else if (cmd === LC_SEGMENT_64 && segmentName(body, offset) === '__LINKEDIT') {
      body.writeBigUInt64LE(move.collectionBase + BigInt(move.linkeditOffset), offset + 24);
      body.writeBigUInt64LE(BigInt(move.linkeditOffset), offset + 40);
    } else if (cmd === LC_SEGMENT_64) {
      shift64(body, offset + 24, addressShift);
      shift64(body, offset + 40, BigInt(move.bodyOffset));
      const count = body.readUInt32LE(offset + 64);
      for (let index = 0; index < count; index += 1) {
        const section = offset + SEGMENT_COMMAND_SIZE + index * SECTION_SIZE;
        shift64(body, section + 32, addressShift);
        shift32(body, section + 48, move.bodyOffset);
      }
    }
  }
  return { body, linkedit };
}

function shiftSymbols(linkedit: Buffer, start: number, count: number, by: bigint): void {
  for (let index = 0; index < count; index += 1) shift64(linkedit, start + index * SYMBOL_SIZE + 8, by);
}

function shift32(bytes: Buffer, at: number, by: number): void {
  bytes.writeUInt32LE(bytes.readUInt32LE(at) + by, at);
}

function shift64(bytes: Buffer, at: number, by: bigint): void {
  bytes.writeBigUInt64LE(BigInt.asUintN(64, bytes.readBigUInt64LE(at) + by), at);
}

function segmentName(image: Buffer, offset: number): string {
  return image.toString('latin1', offset + 8, offset + 24).replace(/\0+$/, '');
}

function commandsOf(image: Buffer): { cmd: number; offset: number }[] {
  const commands: { cmd: number; offset: number }[] = [];
  let offset = HEADER_SIZE;
  for (let left = image.readUInt32LE(16); left > 0; left -= 1) {
    commands.push({ cmd: image.readUInt32LE(offset), offset });
    offset += image.readUInt32LE(offset + 4);
  }
  return commands;
}
