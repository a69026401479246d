/** Header and load commands of one 64-bit little-endian Mach-O image. Every length is checked before it is used. */
import * as format from './constants.ts';
import { MachOError, type Window } from './window.ts';

const COMMANDS_MAX = 20_000;
const COMMANDS_BYTES_MAX = 4 * 1024 * 1024;
const ENTRY_ID_CHARS_MAX = 256;

export interface ImageHeader {
  readonly cpuType: number;
  readonly cpuSubtype: number;
  readonly fileType: number;
  readonly commands: readonly LoadCommand[];
}

interface LoadCommand {
  readonly cmd: number;
  /** The whole command, its 8-byte head included. */
  readonly bytes: Buffer;
}

export async function readImage(window: Window, offset: number, what: string): Promise<ImageHeader> {
  const header = await window.read(offset, format.HEADER_BYTES, `header of ${what}`);
  const magic = header.readUInt32LE(0);
  if (format.FAT_MAGICS.includes(magic))
    throw new MachOError(`${what}: one 64-bit image expected, a universal file seen`);
  if (magic !== format.MH_MAGIC_64)
    throw new MachOError(`${what}: no 64-bit Mach-O image (magic 0x${magic.toString(16)})`);
  const count = header.readUInt32LE(16);
  const length = header.readUInt32LE(20);
  if (count > COMMANDS_MAX) throw new MachOError(`${what}: more than ${COMMANDS_MAX} load commands (${count})`);
  if (length > COMMANDS_BYTES_MAX) throw new MachOError(`${what}: load commands over ${COMMANDS_BYTES_MAX} bytes`);
  const area = await window.read(offset + format.HEADER_BYTES, length, `load commands of ${what}`);
  return {
    cpuType: header.readUInt32LE(4),
    cpuSubtype: header.readUInt32LE(8) & format.CPU_SUBTYPE_MASK,
    fileType: header.readUInt32LE(12),
    commands: split(area, count, what),
  };
}

function split(area: Buffer, count: number, what: string): readonly LoadCommand[] {
  const commands: LoadCommand[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const size = at + 8 <= area.length ? area.readUInt32LE(at + 4) : 0;
    if (size < 8 || at + size > area.length) throw new MachOError(`${what}: load command ${index} goes over its area`);
    commands.push({ cmd: area.readUInt32LE(at), bytes: area.subarray(at, at + size) });
    at += size;
  }
  return commands;
}

/** LC_UUID in upper case; null when there is none. Two different ones are refused. */
export function uuidOf(image: ImageHeader, what: string): string | null {
  const uuids = image.commands.filter(({ cmd, bytes }) => cmd === format.LC_UUID && bytes.length >= 24).map(formatUuid);
  if (new Set(uuids).size > 1) throw new MachOError(`${what}: more than one LC_UUID`);
  return uuids[0] ?? null;
}

function formatUuid({ bytes }: LoadCommand): string {
  const hex = bytes.subarray(8, 24).toString('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export interface FilesetEntry {
  readonly id: string;
  readonly fileOffset: number;
}

/** LC_FILESET_ENTRY: { cmd, cmdsize, vmaddr:8, fileoff:8, offset of the id:4, reserved:4, id... } */
export function filesetEntries(image: ImageHeader): readonly FilesetEntry[] {
  return image.commands
    .filter(({ cmd }) => cmd === format.LC_FILESET_ENTRY)
    .map(({ bytes }) => {
      if (bytes.length < 32) throw new MachOError('fileset entry is too short');
      return { id: entryId(bytes, bytes.readUInt32LE(24)), fileOffset: toNumber(bytes.readBigUInt64LE(16)) };
    });
}

function entryId(bytes: Buffer, at: number): string {
  const end = at >= 32 && at < bytes.length ? bytes.indexOf(0, at) : -1;
  const id = end > at ? bytes.toString('latin1', at, end) : '';
  if (id.length > ENTRY_ID_CHARS_MAX || !/^[A-Za-z0-9_.-]+$/.test(id))
    throw new MachOError('fileset entry without a readable id');
  return id;
}

export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

/** File ranges of the segments, or of those with this name; empty ones left out. */
export function segmentRanges(image: ImageHeader, name?: string): readonly FileRange[] {
  return image.commands
    .filter(({ cmd, bytes }) => cmd === format.LC_SEGMENT_64 && bytes.length >= 72)
    .filter(({ bytes }) => name === undefined || segmentName(bytes) === name)
    .map(({ bytes }) => ({ offset: toNumber(bytes.readBigUInt64LE(40)), length: toNumber(bytes.readBigUInt64LE(48)) }))
    .filter(({ length }) => length > 0);
}

function segmentName(bytes: Buffer): string {
  return bytes.toString('latin1', 8, 24).replace(/\0.*$/s, '');
}

/** A 64-bit number too large to be exact is outside any file: Window refuses it. */
function toNumber(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY;
}
