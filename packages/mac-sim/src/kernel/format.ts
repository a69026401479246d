/**
 * Mach-O constants and fixed-size records, little endian, 64 bit. Only what kernels, kexts and kernel collections need.
 * Names follow <mach-o/loader.h> and <mach/machine.h>.
 */

export const MH_MAGIC_64 = 0xfeedfacf;
export const MH_EXECUTE = 0x2;
export const MH_KEXT_BUNDLE = 0xb;
export const MH_FILESET = 0xc;
export const MH_DYLIB_IN_CACHE = 0x80000000;

export const LC_SYMTAB = 0x2;
export const LC_SEGMENT_64 = 0x19;
export const LC_UUID = 0x1b;
export const LC_SOURCE_VERSION = 0x2a;
export const LC_BUILD_VERSION = 0x32;
/** 0x35 with LC_REQ_DYLD. */
export const LC_FILESET_ENTRY = 0x80000035;

export const HEADER_SIZE = 32;
export const SEGMENT_COMMAND_SIZE = 72;
export const SECTION_SIZE = 80;
export const SYMBOL_SIZE = 16;
/** 16 KiB: the page of arm64 Macs; segments start on one. */
export const PAGE_SIZE = 0x4000;

export interface CpuType {
  readonly type: number;
  readonly subtype: number;
}

/**
 * arm64e. The low byte 2 is what `hw.cpusubtype` prints; 0x80 in the top byte says "versioned pointer-authentication ABI",
 * 0x40 says "kernel ABI", version 0: the form in which tools show real kernels as "arm64e, KER00".
 */
export const ARM64E_KERNEL: CpuType = { type: 0x0100000c, subtype: 0xc0000002 };
/** What the Intel kernels beside them are: x86_64, all models. */
export const X86_64: CpuType = { type: 0x01000007, subtype: 0x3 };

export const READ = 1;
export const EXECUTE = 4;

/** Rounds up to a multiple. */
export function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** A fixed-size, NUL-padded name field, as segment and section names are. */
function nameField(name: string): Buffer {
  const field = Buffer.alloc(16);
  if (Buffer.byteLength(name) > 16) throw new RangeError(`Mach-O name "${name}" is longer than 16 bytes`);
  field.write(name, 'latin1');
  return field;
}

/** Little-endian 32-bit words, one after the other. */
export function words(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    out.writeUInt32LE(value >>> 0, index * 4);
  });
  return out;
}

/** Little-endian 64-bit words, one after the other. */
export function quads(...values: bigint[]): Buffer {
  const out = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => {
    out.writeBigUInt64LE(value, index * 8);
  });
  return out;
}

export interface HeaderFields {
  readonly cpu: CpuType;
  readonly fileType: number;
  readonly flags: number;
  readonly commands: readonly Buffer[];
}

/** The 32-byte header followed by its load commands. */
export function headerWithCommands({ cpu, fileType, flags, commands }: HeaderFields): Buffer {
  const size = commands.reduce((sum, command) => sum + command.length, 0);
  return Buffer.concat([
    words(MH_MAGIC_64, cpu.type, cpu.subtype, fileType, commands.length, size, flags, 0),
    ...commands,
  ]);
}

export interface SegmentFields {
  readonly name: string;
  readonly vmaddr: bigint;
  readonly vmsize: number;
  readonly fileoff: number;
  readonly filesize: number;
  readonly protection: number;
  readonly sections: readonly Buffer[];
}

export function segmentCommand(segment: SegmentFields): Buffer {
  const sections = Buffer.concat(segment.sections);
  return Buffer.concat([
    words(LC_SEGMENT_64, SEGMENT_COMMAND_SIZE + sections.length),
    nameField(segment.name),
    quads(segment.vmaddr, BigInt(segment.vmsize), BigInt(segment.fileoff), BigInt(segment.filesize)),
    words(segment.protection, segment.protection, segment.sections.length, 0),
    sections,
  ]);
}

export interface SectionFields {
  readonly name: string;
  readonly segment: string;
  readonly addr: bigint;
  readonly size: number;
  readonly offset: number;
  readonly flags: number;
}

export function sectionRecord(section: SectionFields): Buffer {
  const alignment = 4; // 2^4
  return Buffer.concat([
    nameField(section.name),
    nameField(section.segment),
    quads(section.addr, BigInt(section.size)),
    words(section.offset, alignment, 0, 0, section.flags, 0, 0, 0),
  ]);
}
