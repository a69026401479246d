/** recoveryOS of the simulated Mac. */
export { RECOVERY_USAGE, recoveryCommand } from './command.ts';
export { type PersonInput, type PersonRuleInput, readPersonFile } from './person.ts';
export { RECOVERY_PROVENANCE, type RecoveryProvenance } from './provenance.ts';
export { type RecoverySessionOptions, type RecoverySessionResult, recoverySession } from './session.ts';
export type { SessionEnd } from './terminal-session.ts';
