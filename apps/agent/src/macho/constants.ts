/** Numbers of the Mach-O format that a kernel collection uses. */
export const MH_MAGIC_64 = 0xfeedfacf;
export const FAT_MAGICS: readonly number[] = [0xcafebabe, 0xbebafeca, 0xcafebabf, 0xbfbafeca];
export const CPU_TYPE_ARM64 = 0x0100000c;
/** Low 24 bits of the CPU subtype of arm64e; the upper byte holds flags. */
export const CPU_SUBTYPE_ARM64E = 2;
export const CPU_SUBTYPE_MASK = 0x00ffffff;
export const MH_FILESET = 0xc;
export const LC_SEGMENT_64 = 0x19;
export const LC_UUID = 0x1b;
export const LC_FILESET_ENTRY = 0x80000035;
export const HEADER_BYTES = 32;
