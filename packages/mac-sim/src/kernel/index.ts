export { buildBundleFile } from './bundle-file.ts';
export { buildKernelCollection, writeKernelCollection } from './collection.ts';
export { uuidOf } from './identity.ts';
export { buildKernelFile } from './kernel-file.ts';
export { MachOError } from './mach-o.ts';
export { type KernelFileInfo, readKernelCollection, readKernelFile } from './read.ts';
