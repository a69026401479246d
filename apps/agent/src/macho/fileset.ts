/**
 * Reads a kernel collection (Mach-O fileset) back: its identity, its bundles, and the version text of the kernel in it.
 * Guarantee: bounded memory and work whatever the file holds; no length in it is trusted; a file that is not what it
 * claims to be gives a reason. Also reads a single kernel file of a KDK.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { filesetEntries, type ImageHeader, readImage, segmentRanges, uuidOf } from './commands.ts';
import * as format from './constants.ts';
import { findKernelVersion, namesQuotaArgument, textsIn } from './kernel-text.ts';
import { MachOError, Window } from './window.ts';

const NIL_UUID = '00000000-0000-0000-0000-000000000000';
/** Where a collection says what is linked in, bundles without code of their own included. */
const PRELINK_INFO = '__PRELINK_INFO';

/** The kernel's entry; all others are bundles. */
export const KERNEL_ENTRY = 'com.apple.kernel';

export interface Fileset {
  /** LC_UUID of the collection: what kern.filesetuuid says once it runs. */
  readonly uuid: string;
  readonly cpuSubtype: number;
  readonly arm64e: boolean;
  readonly sizeBytes: number;
  readonly entries: readonly FilesetMember[];
  /** Number of entries, the kernel not counted. */
  readonly bundles: number;
  /** "Darwin Kernel Version ...", as `uname -v` will print it; null when the kernel holds none. */
  readonly kernelVersionText: string | null;
}

interface FilesetMember {
  readonly id: string;
  readonly uuid: string | null;
}

export interface KernelFile {
  readonly uuid: string | null;
  readonly cpuSubtype: number;
  readonly arm64: boolean;
  readonly versionText: string | null;
  /** Does it hold the text `hv_apple_isa_vm_quota`? */
  readonly namesQuotaArgument: boolean;
}

export function readFileset(path: string): Promise<Reading<Fileset>> {
  return withWindow(path, async (window) => {
    const image = await readImage(window, 0, 'kernel collection');
    if (image.fileType !== format.MH_FILESET)
      throw new MachOError(`a fileset expected, Mach-O file type ${image.fileType} seen`);
    if (image.cpuType !== format.CPU_TYPE_ARM64)
      throw new MachOError(`arm64 expected, CPU type 0x${image.cpuType.toString(16)} seen`);
    const uuid = uuidOf(image, 'kernel collection');
    if (uuid === null || uuid === NIL_UUID) throw new MachOError('the kernel collection has no LC_UUID');
    const { entries, kernelVersionText } = await readEntries(window, image);
    return {
      uuid,
      cpuSubtype: image.cpuSubtype,
      arm64e: image.cpuSubtype === format.CPU_SUBTYPE_ARM64E,
      sizeBytes: window.size,
      entries,
      bundles: entries.filter(({ id }) => id !== KERNEL_ENTRY).length,
      kernelVersionText,
    };
  });
}

/**
 * Which of these bundles the collection names as linked in. Those without code (the kernel's programming interfaces, for one) have no
 * entry and stand there alone. Source: `codelessKexts` of Apple's published kernel collection builder (dyld).
 */
export function namedInPrelinkInfo(path: string, ids: readonly string[]): Promise<Reading<ReadonlySet<string>>> {
  return withWindow(path, async (window) => {
    const image = await readImage(window, 0, 'kernel collection');
    const found = await textsIn(window, segmentRanges(image, PRELINK_INFO), ids.map(asValue));
    return new Set(ids.filter((id) => found.has(asValue(id))));
  });
}

/** As a value; as a key it would only say that somebody links against it. */
function asValue(id: string): string {
  return `>${id}</string>`;
}

/** A kernel file of a KDK, such as kernel.development.t6020. */
export function readKernelFile(path: string): Promise<Reading<KernelFile>> {
  return withWindow(path, async (window) => {
    const image = await readImage(window, 0, 'kernel file');
    const segments = segmentRanges(image);
    return {
      uuid: uuidOf(image, 'kernel file'),
      cpuSubtype: image.cpuSubtype,
      arm64: image.cpuType === format.CPU_TYPE_ARM64,
      versionText: await findKernelVersion(window, segments),
      namesQuotaArgument: await namesQuotaArgument(window, segments),
    };
  });
}

async function readEntries(window: Window, collection: ImageHeader) {
  const entries: FilesetMember[] = [];
  const ids = new Set<string>();
  const offsets = new Set([0]);
  let kernelVersionText: string | null = null;
  for (const { id, fileOffset } of filesetEntries(collection)) {
    if (ids.has(id)) throw new MachOError(`entry ${id} stands twice`);
    ids.add(id);
    if (offsets.has(fileOffset)) throw new MachOError(`entry ${id} lies where another image does`);
    offsets.add(fileOffset);
    const member = await readImage(window, fileOffset, `entry ${id}`);
    if (member.cpuType !== format.CPU_TYPE_ARM64 || member.fileType === format.MH_FILESET)
      throw new MachOError(`entry ${id} is no arm64 image of its own`);
    entries.push({ id, uuid: uuidOf(member, `entry ${id}`) });
    if (id === KERNEL_ENTRY) kernelVersionText = await findKernelVersion(window, segmentRanges(member));
  }
  if (!ids.has(KERNEL_ENTRY)) throw new MachOError(`no entry ${KERNEL_ENTRY}`);
  return { entries, kernelVersionText };
}

async function withWindow<T>(path: string, read: (window: Window) => Promise<T>): Promise<Reading<T>> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return unknown(`cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) return unknown('not a regular file');
    return known(await read(new Window(file, status.size)));
  } catch (error) {
    if (error instanceof MachOError) return unknown(error.message);
    return unknown(`cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  } finally {
    await file.close();
  }
}
