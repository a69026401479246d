/**
 * Reads Mach-O headers and load commands from a file, taking nothing on trust: every offset and size is checked against
 * the file and against a limit before it is used. Reads a few pages, never the whole file.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  type CpuType,
  HEADER_SIZE,
  LC_FILESET_ENTRY,
  LC_SEGMENT_64,
  LC_UUID,
  MH_MAGIC_64,
  SECTION_SIZE,
  SEGMENT_COMMAND_SIZE,
} from './format.ts';
import { formatUuid } from './identity.ts';

const FILE_SIZE_MAX = 1024 * 1024 * 1024;
const COMMANDS_MAX = 4096;
const COMMANDS_SIZE_MAX = 4 * 1024 * 1024;
const SECTION_READ_MAX = 16 * 1024 * 1024;

export class MachOError extends Error {
  override readonly name = 'MachOError';
  constructor(path: string, reason: string) {
    super(`${path} is not a usable Mach-O file: ${reason}`);
  }
}

interface Section {
  readonly segment: string;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface Segment {
  readonly name: string;
  readonly vmaddr: bigint;
  readonly fileoff: number;
  readonly filesize: number;
  readonly sections: readonly Section[];
}

export interface FilesetEntry {
  readonly id: string;
  readonly vmaddr: bigint;
  readonly fileoff: number;
}

export interface MachO {
  readonly cpu: CpuType;
  readonly fileType: number;
  readonly uuid: string | null;
  readonly segments: readonly Segment[];
  readonly entries: readonly FilesetEntry[];
}

/** An open file with checked reads; close it by leaving `withFile`. */
export class MachOFile {
  readonly path: string;
  readonly size: number;
  readonly #fd: number;

  constructor(path: string, fd: number, size: number) {
    this.path = path;
    this.#fd = fd;
    this.size = size;
  }

  read(offset: number, length: number, what: string): Buffer {
    if (offset + length > this.size) {
      throw new MachOError(this.path, `${what} ends at byte ${offset + length}, the file at ${this.size}`);
    }
    const bytes = Buffer.alloc(length);
    if (readSync(this.#fd, bytes, 0, length, offset) !== length) throw new MachOError(this.path, `${what} was cut`);
    return bytes;
  }

  /** The bytes of one section of an image already parsed; null when there is none of that name. */
  section(image: MachO, segmentName: string, sectionName: string): Buffer | null {
    const section = image.segments
      .flatMap(({ sections }) => sections)
      .find(({ segment, name }) => segment === segmentName && name === sectionName);
    if (section === undefined) return null;
    if (section.size > SECTION_READ_MAX) throw new MachOError(this.path, `section ${sectionName} is too large`);
    return this.read(section.offset, section.size, `section ${segmentName},${sectionName}`);
  }

  /** Parses the image whose header lies at `offset`: 0, or the place of a fileset entry. */
  image(offset = 0): MachO {
    const header = this.read(offset, HEADER_SIZE, 'header');
    if (header.readUInt32LE(0) !== MH_MAGIC_64) throw new MachOError(this.path, `no 64-bit magic at byte ${offset}`);
    const count = header.readUInt32LE(16);
    const size = header.readUInt32LE(20);
    if (count > COMMANDS_MAX || size > COMMANDS_SIZE_MAX) {
      throw new MachOError(this.path, `${count} load commands in ${size} bytes is over the limit`);
    }
    const commands = splitCommands(this.path, this.read(offset + HEADER_SIZE, size, 'load commands'), count);
    const find = (kind: number) => commands.filter(({ cmd }) => cmd === kind).map(({ body }) => body);
    const uuid = find(LC_UUID)[0];
    return {
      cpu: { type: header.readUInt32LE(4), subtype: header.readUInt32LE(8) },
      fileType: header.readUInt32LE(12),
      uuid: uuid === undefined ? null : formatUuid(this.#field(uuid, 8, 16)),
      segments: find(LC_SEGMENT_64).map((body) => this.#segment(body)),
      entries: find(LC_FILESET_ENTRY).map((body) => this.#entry(body)),
    };
  }

  #field(body: Buffer, start: number, length: number): Buffer {
    if (start + length > body.length) throw new MachOError(this.path, 'a load command is too short');
    return body.subarray(start, start + length);
  }

  #number(body: Buffer, start: number): number {
    const value = this.#field(body, start, 8).readBigUInt64LE();
    if (value > BigInt(FILE_SIZE_MAX)) throw new MachOError(this.path, `offset or size ${value} is over the limit`);
    return Number(value);
  }

  #segment(body: Buffer): Segment {
    const count = this.#field(body, 64, 4).readUInt32LE();
    const records = this.#field(body, SEGMENT_COMMAND_SIZE, count * SECTION_SIZE);
    const sections = Array.from({ length: count }, (_, index) => {
      const record = records.subarray(index * SECTION_SIZE, (index + 1) * SECTION_SIZE);
      return {
        name: text(record.subarray(0, 16)),
        segment: text(record.subarray(16, 32)),
        size: this.#number(record, 40),
        offset: record.readUInt32LE(48),
      };
    });
    return {
      name: text(this.#field(body, 8, 16)),
      vmaddr: this.#field(body, 24, 8).readBigUInt64LE(),
      fileoff: this.#number(body, 40),
      filesize: this.#number(body, 48),
      sections,
    };
  }

  #entry(body: Buffer): FilesetEntry {
    const nameOffset = this.#field(body, 24, 4).readUInt32LE();
    if (nameOffset < 32 || nameOffset >= body.length) throw new MachOError(this.path, 'a fileset entry has no name');
    return {
      vmaddr: this.#field(body, 8, 8).readBigUInt64LE(),
      fileoff: this.#number(body, 16),
      id: text(body.subarray(nameOffset)),
    };
  }
}

/** Opens a file for checked reading and closes it afterwards, whatever happens. */
export function withFile<Result>(path: string, use: (file: MachOFile) => Result): Result {
  const fd = openSync(path, 'r');
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new MachOError(path, 'not a regular file');
    if (stat.size > FILE_SIZE_MAX) throw new MachOError(path, `${stat.size} bytes is over the limit`);
    return use(new MachOFile(path, fd, stat.size));
  } finally {
    closeSync(fd);
  }
}

interface LoadCommand {
  readonly cmd: number;
  readonly body: Buffer;
}

function splitCommands(path: string, bytes: Buffer, count: number): LoadCommand[] {
  const commands: LoadCommand[] = [];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    if (offset + 8 > bytes.length) throw new MachOError(path, `load command ${index} lies outside their area`);
    const size = bytes.readUInt32LE(offset + 4);
    if (size < 8 || size % 8 !== 0 || offset + size > bytes.length) {
      throw new MachOError(path, `load command ${index} has size ${size}`);
    }
    commands.push({ cmd: bytes.readUInt32LE(offset), body: bytes.subarray(offset, offset + size) });
    offset += size;
  }
  return commands;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}
