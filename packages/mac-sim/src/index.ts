/** What others may use of the simulated Mac. */
export { MACS, type MacModel, macFor } from './catalogue/macs.ts';
export { type KernelTextConfig, kernelVersionText, type SystemBuild, systemFor } from './catalogue/systems.ts';
export { type CreateOptions, createMac } from './create.ts';
export { guestQuota } from './kernel-args.ts';
export { type SimPaths, simPaths } from './paths.ts';
export { bootMac, cutPower, restartMac, shutDownMac, startRecovery } from './power.ts';
export * from './state.ts';
