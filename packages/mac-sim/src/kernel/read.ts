/** What a kernel file or a kernel collection says about itself; enough to decide what boots and what sysctl then prints. */

import { KERNEL_ENTRY_ID } from './collection.ts';
import { MH_EXECUTE, MH_FILESET } from './format.ts';
import { QUOTA_ARGUMENT, VERSION_PREFIX } from './kernel-file.ts';
import { type FilesetEntry, type MachO, MachOError, type MachOFile, withFile } from './mach-o.ts';

export interface KernelFileInfo {
  readonly uuid: string;
  /** What `uname -v` prints once this kernel runs. */
  readonly versionText: string;
  /** Does this kernel know the quota boot argument? */
  readonly hasQuotaSupport: boolean;
}

export interface KernelCollectionInfo {
  /** LC_UUID of the fileset: `kern.filesetuuid` once booted. */
  readonly uuid: string;
  /** LC_UUID of the kernel in it: `kern.uuid`. */
  readonly kernelUuid: string;
  readonly kernelVersionText: string;
  readonly hasQuotaSupport: boolean;
  /** Kernel first, then the bundles. */
  readonly entries: readonly (FilesetEntry & { readonly uuid: string })[];
}

export function readKernelFile(path: string): KernelFileInfo {
  return withFile(path, (file) => {
    const image = file.image();
    if (image.fileType !== MH_EXECUTE) throw new MachOError(path, `file type ${image.fileType}, expected a kernel`);
    return kernelInfo(file, image);
  });
}

export function readKernelCollection(path: string): KernelCollectionInfo {
  return withFile(path, (file) => {
    const fileset = file.image();
    if (fileset.fileType !== MH_FILESET) {
      throw new MachOError(path, `file type ${fileset.fileType}, expected a kernel collection`);
    }
    if (fileset.uuid === null) throw new MachOError(path, 'the collection has no LC_UUID');
    const images = fileset.entries.map((entry) => ({ entry, image: file.image(entry.fileoff) }));
    const kernel = images.find(({ entry }) => entry.id === KERNEL_ENTRY_ID);
    if (kernel === undefined) throw new MachOError(path, `no entry ${KERNEL_ENTRY_ID}`);
    const { uuid: kernelUuid, versionText, hasQuotaSupport } = kernelInfo(file, kernel.image);
    return {
      uuid: fileset.uuid,
      kernelUuid,
      kernelVersionText: versionText,
      hasQuotaSupport,
      entries: images.map(({ entry, image }) => {
        if (image.uuid === null) throw new MachOError(path, `entry ${entry.id} has no LC_UUID`);
        return { ...entry, uuid: image.uuid };
      }),
    };
  });
}

function kernelInfo(file: MachOFile, image: MachO): KernelFileInfo {
  if (image.uuid === null) throw new MachOError(file.path, 'the kernel has no LC_UUID');
  const strings = ['__const', '__cstring']
    .map((name) => file.section(image, '__TEXT', name)?.toString('latin1') ?? '')
    .join('\0')
    .split('\0');
  const versionText = strings.find((string) => string.startsWith(VERSION_PREFIX));
  if (versionText === undefined) throw new MachOError(file.path, 'the kernel holds no version text');
  return { uuid: image.uuid, versionText, hasQuotaSupport: strings.includes(QUOTA_ARGUMENT) };
}
