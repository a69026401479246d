export * from './abilities.ts';
export * from './boot-args.ts';
export * from './break-glass.ts';
export * from './errors.ts';
export { newDrift } from './evaluate/memory.ts';
export { waitsFor } from './evaluate/waits-for.ts';
export { WITNESS_GUESTS_MIN } from './evaluate/witness.ts';
export { evaluate } from './evaluate.ts';
export * from './evaluate-types.ts';
export { isProven, raisedEvidence } from './evidence.ts';
export * from './facts.ts';
export * from './facts-check.ts';
export * from './facts-empty.ts';
export * from './filter/fields.ts';
export * from './filter/filter.ts';
export * from './filter/host-fields.ts';
export * from './filter/match.ts';
export * from './filter/match-host.ts';
export * from './filter/parse.ts';
export { readTime, readValue, readVersion, TIME_FORMS } from './filter/values.ts';
export * from './findings.ts';
export * from './grant.ts';
export * from './grant-key-texts.ts';
export {
  degreeOf,
  HOST_STATE_TABLE,
  type HostStateRow,
  RAISE_DEGREE_TABLE,
  RAISE_DEGREES,
  type RaiseDegree,
} from './host-states.ts';
export { isNewSight, isWithoutKernel, type KernelSight, knownKernels, withSight } from './kdk-kernels.ts';
export { missingFrom, NEEDED_ARGS, type NeededArgRow, neededArgs } from './needed-args.ts';
export * from './observe.ts';
export * from './overdue.ts';
export * from './place.ts';
export * from './plan.ts';
export * from './presence.ts';
export * from './quota.ts';
export { kcResultProblem, kitResultProblem, stepResultProblem } from './result-check.ts';
export * from './retry.ts';
export * from './rollout/assign.ts';
export * from './rollout/decide.ts';
export { type UnseenCandidate, withFirstMacs } from './rollout/first-macs.ts';
export { type RingCount, readRing } from './rollout/ring-count.ts';
export * from './rollout/strategy.ts';
export { inTwoParts } from './rollout/two-parts.ts';
export { isInWindow, isTimeZone, opensAt, WINDOW_MINUTES_MIN, windowMinutes } from './rollout/window.ts';
export * from './sheet.ts';
export { type StockGap, stockGaps } from './stock-proof.ts';
export * from './template.ts';
export { type FacedUpdate, UPDATE_WAYS, type UpdateWay } from './update-guard/faced-updates.ts';
export { UPDATE_VERDICTS, type UpdateRisk, type UpdateVerdict, updateRisks } from './update-guard/update-risks.ts';
export * from './variants.ts';
export * from './visit-code.ts';
