export { KDK_USAGE, kdkCommand } from './cli.ts';
export type { FormProvenance } from './forms.ts';
export { recordingIo } from './io.ts';
export { buildKdkImage, defaultVariants, type KdkOptions, type Signature, writeKdkImage } from './kdk-image.ts';
export { forgetMounts, readMounts } from './mounts.ts';
export { type Pace, writePace } from './pace.ts';
export { type DoingTool, runProgram } from './programs.ts';
export { DOING_PROVENANCE } from './provenance.ts';
export { placeSystemExtensions } from './system-extensions.ts';
