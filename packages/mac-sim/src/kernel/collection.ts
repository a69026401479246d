/**
 * Writes a kernel collection: a Mach-O fileset that holds the kernel and its bundles as whole images. As in real ones the
 * load commands of every entry count offsets from the start of the collection, and all link tables are merged into one
 * __LINKEDIT, so any reader can start at an entry's header. The LC_UUID follows from kernel, bundles and build.
 */
import { writeFileAtomic } from '../files.ts';
import {
  ARM64E_KERNEL,
  align,
  HEADER_SIZE,
  headerWithCommands,
  LC_FILESET_ENTRY,
  LC_UUID,
  MH_DYLIB_IN_CACHE,
  MH_FILESET,
  PAGE_SIZE,
  quads,
  READ,
  SECTION_SIZE,
  SEGMENT_COMMAND_SIZE,
  sectionRecord,
  segmentCommand,
  words,
} from './format.ts';
import { uuidBytes, uuidOf } from './identity.ts';
import { CODE_PROTECTION, S_REGULAR } from './image.ts';
import { relocate, splitLinkedit } from './relocate.ts';

export const KERNEL_ENTRY_ID = 'com.apple.kernel';
const COLLECTION_BASE = 0xfffffe0007000000n;

interface CollectionBundle {
  readonly id: string;
  readonly version: string;
  /** Null = it has no code: it is named in __PRELINK_INFO alone. */
  readonly binary: Buffer | null;
}

export interface CollectionSpec {
  readonly kernelFile: Buffer;
  readonly bundles: readonly CollectionBundle[];
  /** Build of the KDK that all of it came from. */
  readonly build: string;
}

/** Writes the collection to `out`, whole or not at all, and returns its LC_UUID. */
export function writeKernelCollection({ out, ...spec }: CollectionSpec & { readonly out: string }): { uuid: string } {
  const { uuid, bytes } = buildKernelCollection(spec);
  writeFileAtomic(out, bytes);
  return { uuid };
}

export function buildKernelCollection({ kernelFile, bundles, build }: CollectionSpec): { uuid: string; bytes: Buffer } {
  const sorted = [...bundles].sort((a, b) => (a.id < b.id ? -1 : 1));
  const uuid = uuidOf(
    'collection',
    build,
    kernelFile,
    ...sorted.flatMap(({ id, version, binary }) => [id, version, binary ?? '']),
  );
  const withCode = sorted.flatMap(({ id, binary }) => (binary === null ? [] : [{ id, binary }]));
  const images = [{ id: KERNEL_ENTRY_ID, binary: kernelFile }, ...withCode];
  const info = prelinkInfo(sorted);

  const headSize = align(commandsSize(images.map(({ id }) => id)), PAGE_SIZE);
  const parts = images.map(({ id, binary }) => ({ id, ...splitLinkedit(binary) }));
  const bodies = place(
    parts.map(({ body }) => body.length),
    headSize,
    PAGE_SIZE,
  );
  const infoSize = align(info.length, PAGE_SIZE);
  const linkeditStart = bodies.end + infoSize;
  const links = place(
    parts.map(({ linkedit }) => linkedit.length),
    linkeditStart,
    16,
  );

  const bytes = Buffer.alloc(links.end);
  parts.forEach(({ body, linkedit, baseAddress }, index) => {
    const bodyOffset = bodies.offsets[index] ?? 0;
    const linkeditOffset = links.offsets[index] ?? 0;
    const moved = relocate({
      body,
      linkedit,
      baseAddress,
      bodyOffset,
      linkeditOffset,
      collectionBase: COLLECTION_BASE,
    });
    moved.body.copy(bytes, bodyOffset);
    moved.linkedit.copy(bytes, linkeditOffset);
  });
  info.copy(bytes, bodies.end);

  const segment = (name: string, fileoff: number, filesize: number, protection: number, sections: Buffer[] = []) =>
    segmentCommand({
      name,
      vmaddr: COLLECTION_BASE + BigInt(fileoff),
      vmsize: align(filesize, PAGE_SIZE),
      fileoff,
      filesize,
      protection,
      sections,
    });
  const infoSection = sectionRecord({
    name: '__info',
    segment: '__PRELINK_INFO',
    addr: COLLECTION_BASE + BigInt(bodies.end),
    size: info.length,
    offset: bodies.end,
    flags: S_REGULAR,
  });
  headerWithCommands({
    cpu: ARM64E_KERNEL,
    fileType: MH_FILESET,
    flags: MH_DYLIB_IN_CACHE,
    commands: [
      Buffer.concat([words(LC_UUID, 24), uuidBytes(uuid)]),
      segment('__TEXT', 0, headSize, READ),
      segment('__PRELINK_TEXT', headSize, bodies.end - headSize, CODE_PROTECTION),
      segment('__PRELINK_INFO', bodies.end, infoSize, READ, [infoSection]),
      segment('__LINKEDIT', linkeditStart, links.end - linkeditStart, READ),
      ...parts.map(({ id }, index) => filesetEntry(id, bodies.offsets[index] ?? 0)),
    ],
  }).copy(bytes);
  return { uuid, bytes };
}

/** Offsets for pieces laid one after the other, each on its border; `end` is on that border too. */
function place(sizes: readonly number[], start: number, border: number): { offsets: number[]; end: number } {
  let cursor = start;
  const offsets = sizes.map((size) => {
    const offset = cursor;
    cursor = align(offset + size, border);
    return offset;
  });
  return { offsets, end: cursor };
}

function commandsSize(ids: readonly string[]): number {
  const fixed = HEADER_SIZE + 24 + SEGMENT_COMMAND_SIZE * 4 + SECTION_SIZE;
  return ids.reduce((sum, id) => sum + filesetEntry(id, 0).length, fixed);
}

function filesetEntry(id: string, fileoff: number): Buffer {
  const nameOffset = 32;
  const name = Buffer.from(`${id}\0`);
  const size = align(nameOffset + name.length, 8);
  return Buffer.concat([
    words(LC_FILESET_ENTRY, size),
    quads(COLLECTION_BASE + BigInt(fileoff), BigInt(fileoff)),
    words(nameOffset, 0),
    name,
    Buffer.alloc(size - nameOffset - name.length),
  ]);
}

/** What is prelinked, as the property list that real collections carry in __PRELINK_INFO,__info. */
function prelinkInfo(bundles: readonly CollectionBundle[]): Buffer {
  const rows = bundles.map(
    ({ id, version }) =>
      `<dict><key>CFBundleIdentifier</key><string>${id}</string><key>CFBundleVersion</key><string>${version}</string></dict>`,
  );
  return Buffer.from(`<dict><key>_PrelinkInfoDictionary</key><array>${rows.join('')}</array></dict>\0`);
}
