export { type BundleFileSpec, buildBundleFile } from './bundle-file.ts';
export {
  buildKernelCollection,
  type CollectionBundle,
  type CollectionSpec,
  KERNEL_ENTRY_ID,
  writeKernelCollection,
} from './collection.ts';
export { uuidOf } from './identity.ts';
export { buildKernelFile, type KernelFileSpec, QUOTA_ARGUMENT } from './kernel-file.ts';
export { MachOError } from './mach-o.ts';
export { type KernelCollectionInfo, type KernelFileInfo, readKernelCollection, readKernelFile } from './read.ts';
