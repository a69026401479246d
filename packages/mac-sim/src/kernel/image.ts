/**
 * Builds one Mach-O image: header, load commands, segments with sections, symbols in __LINKEDIT. The first segment holds
 * the header, as the linker does it, so that the image is complete when mapped.
 */
import {
  align,
  type CpuType,
  EXECUTE,
  HEADER_SIZE,
  headerWithCommands,
  LC_BUILD_VERSION,
  LC_SOURCE_VERSION,
  LC_SYMTAB,
  LC_UUID,
  PAGE_SIZE,
  quads,
  READ,
  SECTION_SIZE,
  SEGMENT_COMMAND_SIZE,
  sectionRecord,
  segmentCommand,
  words,
} from './format.ts';
import { uuidBytes } from './identity.ts';

const SYMTAB_SIZE = 24;
const N_SECT_EXTERNAL = 0x0f;
const MACOS_PLATFORM = 1;

export const S_REGULAR = 0x0;
export const S_CSTRING_LITERALS = 0x2;
/** Pure instructions, some instructions. */
export const S_CODE = 0x80000400;

interface SectionSpec {
  readonly name: string;
  readonly data: Buffer;
  readonly flags: number;
}

interface SegmentSpec {
  readonly name: string;
  readonly protection: number;
  readonly sections: readonly SectionSpec[];
}

export interface ImageSpec {
  readonly cpu: CpuType;
  readonly fileType: number;
  readonly flags: number;
  readonly baseAddress: bigint;
  readonly uuid: string;
  /** e.g. 10063.121.3; the parts after the fifth are dropped. */
  readonly sourceVersion: string;
  /** macOS version for LC_BUILD_VERSION, e.g. 14.5. */
  readonly osVersion: string;
  /** At least one; the first one also holds header and load commands. */
  readonly segments: readonly SegmentSpec[];
  /** Exported symbols; each is given the address of the first section. */
  readonly symbols: readonly string[];
}

export function buildImage(spec: ImageSpec): Buffer {
  const fixed = [
    Buffer.concat([words(LC_UUID, 24), uuidBytes(spec.uuid)]),
    Buffer.concat([
      words(LC_BUILD_VERSION, 24, MACOS_PLATFORM, packVersion(spec.osVersion), packVersion(spec.osVersion), 0),
    ]),
    Buffer.concat([words(LC_SOURCE_VERSION, 16), quads(packSourceVersion(spec.sourceVersion))]),
  ];
  const commandSize =
    spec.segments.reduce((sum, { sections }) => sum + SEGMENT_COMMAND_SIZE + SECTION_SIZE * sections.length, 0) +
    SEGMENT_COMMAND_SIZE + // __LINKEDIT
    SYMTAB_SIZE +
    fixed.reduce((sum, command) => sum + command.length, 0);

  const placed = placeSegments(spec, HEADER_SIZE + commandSize);
  const linkedit = buildLinkedit(spec.symbols, placed.firstSection, placed.end);
  const linkeditCommand = segmentCommand({
    name: '__LINKEDIT',
    vmaddr: spec.baseAddress + BigInt(placed.end),
    vmsize: align(linkedit.data.length, PAGE_SIZE),
    fileoff: placed.end,
    filesize: linkedit.data.length,
    protection: READ,
    sections: [],
  });
  const head = headerWithCommands({
    cpu: spec.cpu,
    fileType: spec.fileType,
    flags: spec.flags,
    commands: [...placed.commands, linkeditCommand, linkedit.command, ...fixed],
  });
  const image = Buffer.alloc(placed.end + linkedit.data.length);
  head.copy(image);
  for (const { offset, data } of placed.contents) data.copy(image, offset);
  linkedit.data.copy(image, placed.end);
  return image;
}

interface PlacedSegments {
  readonly commands: readonly Buffer[];
  readonly contents: readonly { readonly offset: number; readonly data: Buffer }[];
  readonly firstSection: bigint;
  /** File offset after the last segment; a page border. */
  readonly end: number;
}

/** File offset and address advance together: address = base + offset, for every byte. */
function placeSegments({ segments, baseAddress }: ImageSpec, headSize: number): PlacedSegments {
  const commands: Buffer[] = [];
  const contents: { offset: number; data: Buffer }[] = [];
  let start = 0;
  let cursor = headSize;
  for (const segment of segments) {
    const sections = segment.sections.map((section) => {
      const offset = align(cursor, 16);
      cursor = offset + section.data.length;
      contents.push({ offset, data: section.data });
      return sectionRecord({
        name: section.name,
        segment: segment.name,
        addr: baseAddress + BigInt(offset),
        size: section.data.length,
        offset,
        flags: section.flags,
      });
    });
    const size = align(cursor, PAGE_SIZE) - start;
    commands.push(
      segmentCommand({
        name: segment.name,
        vmaddr: baseAddress + BigInt(start),
        vmsize: size,
        fileoff: start,
        filesize: size,
        protection: segment.protection,
        sections,
      }),
    );
    start += size;
    cursor = start;
  }
  return { commands, contents, firstSection: baseAddress + BigInt(contents[0]?.offset ?? 0), end: start };
}

function buildLinkedit(
  symbols: readonly string[],
  address: bigint,
  fileoff: number,
): { command: Buffer; data: Buffer } {
  const names: Buffer[] = [Buffer.from([0])];
  let nameOffset = 1;
  const records = symbols.map((symbol) => {
    const record = Buffer.concat([words(nameOffset), Buffer.from([N_SECT_EXTERNAL, 1, 0, 0]), quads(address)]);
    const name = Buffer.from(`${symbol}\0`, 'latin1');
    names.push(name);
    nameOffset += name.length;
    return record;
  });
  const table = Buffer.concat(records);
  const strings = Buffer.concat(names);
  const padding = Buffer.alloc(align(strings.length, 8) - strings.length);
  return {
    command: words(LC_SYMTAB, SYMTAB_SIZE, fileoff, symbols.length, fileoff + table.length, strings.length),
    data: Buffer.concat([table, strings, padding]),
  };
}

export const CODE_PROTECTION = READ | EXECUTE;

/** `14.5` -> 0x000e0500. */
function packVersion(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (major << 16) | (minor << 8) | patch;
}

/** `10063.121.3` as A.B.C.D.E in 24 + 4 x 10 bits. */
function packSourceVersion(version: string): bigint {
  const parts = version.split('.').map((part) => BigInt(Number.parseInt(part, 10) || 0));
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = parts;
  return (a << 40n) | (b << 30n) | (c << 20n) | (d << 10n) | e;
}
