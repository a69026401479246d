/** What others may use of the simulated Mac. */

export { BREAKS, breakMac } from './breaks.ts';
export { MACS, type MacModel, macFor } from './catalogue/macs.ts';
export { type KernelTextConfig, kernelVersionText, type SystemBuild, systemFor } from './catalogue/systems.ts';
export { type CreateOptions, createMac } from './create.ts';
export type { DaemonEvent, DaemonSpec } from './daemon.ts';
export { type KdkOptions, writeKdkImage } from './doing/kdk-image.ts';
export { usedBytes } from './free-bytes.ts';
export { startGuests, stopGuests } from './guests.ts';
export { guestQuota } from './kernel-args.ts';
export { SimulatedMac, type SimulatedMacEvents, type SimulatedMacOptions } from './launchd.ts';
export { offerUpdate } from './offer.ts';
export { type SimPaths, simPaths } from './paths.ts';
export { bootMac, cutPower, restartMac, shutDownMac, startRecovery, unlockMac } from './power.ts';
export { countProvenance, type ProvenanceRow, provenanceRows } from './provenance.ts';
export * from './recovery/index.ts';
export * from './state.ts';
export { updateMac } from './update.ts';
