/**
 * State of a host: from what is observed, what is proven and what is remembered. `raised` is the last answer, reached only
 * when no piece of evidence is missing or unknown. The table in host-states.ts says the same in words.
 */
import type { HostState } from '../evaluate-types.ts';
import { isProven } from '../evidence.ts';
import { stockGaps } from '../stock-proof.ts';
import type { Rung } from './preparation.ts';
import {
  holds,
  isOverdue,
  isOwnObject,
  isTouched,
  quotaHeeded,
  runningBuild,
  runningKernel,
  type Situation,
  storesWanted,
} from './situation.ts';

export interface StateInput {
  /** How far the preparation of a visit is; the answer for a stock Mac that shall be raised. */
  readonly rung: Rung;
  /** Does the kernel collection for this build and variant lie on the Mac? */
  readonly kcStaged: boolean;
}

export function decideState(situation: Situation, prepared: StateInput): HostState {
  const silence = stateOfSilence(situation);
  switch (situation.observed.kind) {
    case 'unsupported':
      return 'unsupported';
    case 'unknown':
      return silence ?? 'unknown';
    case 'other_kernel':
      return silence ?? 'foreign_kernel';
    case 'not_provable':
      return silence ?? 'not_provable';
    case 'stock':
    case 'quota_asleep':
    case 'policy_lowered':
    case 'object_installed':
      return silence ?? (situation.wantedQuota === null ? stockState(situation) : releaseState(situation, prepared));
    case 'quota_missing':
    case 'quota_stored':
    case 'quota_filtered':
    case 'quota_in_force':
      return silence ?? developmentState(situation);
  }
}

/** Overdue is a guess, and its findings say so. Only FileVault that is known to be off rules out the unlock screen. */
function stateOfSilence(situation: Situation): HostState | null {
  const { facts, input } = situation;
  if (!isOverdue(input)) return null;
  return input.presence === 'lost' || facts.fileVault === 'off' ? 'failed_boot' : 'waiting_for_unlock';
}

/** A release kernel runs and stock is wanted. */
function stockState(situation: Situation): HostState {
  const { facts, observed, input } = situation;
  if (observed.kind === 'object_installed') return 'object_not_booted';
  if (!isTouched(situation)) return 'not_started';
  const gaps = stockGaps(facts);
  if (gaps.some(({ seen }) => seen !== null)) return 'half_done';
  if (gaps.length > 0) return 'unknown';
  return input.record.everRaised ? 'reverted' : 'not_started';
}

/** A release kernel runs and a raise is wanted. */
function releaseState(situation: Situation, { rung, kcStaged }: StateInput): HostState {
  const { observed, input } = situation;
  const hasObject = observed.kind === 'object_installed';
  if (hasObject && isOwnObject(situation)) return 'object_not_booted';
  if (input.record.everRaised) return 'drifted';
  if (hasObject) return 'object_not_booted';
  if (observed.kind === 'policy_lowered' && (kcStaged || isTouched(situation))) return 'half_done';
  return rung;
}

/** A development kernel runs, and it can be told which. */
function developmentState(situation: Situation): HostState {
  if (holds(situation, 'fileset_uuid') === false) return otherCollection(situation);
  if (holds(situation, 'build_agrees') === false) return 'old_kernel_new_system';
  if (holds(situation, 'filtering_off') === false) return 'args_filtered';
  if (holds(situation, 'custom_kernel_in_policy') === false) return 'drifted';
  const args = argsState(situation);
  if (args !== null) return args;
  if (holds(situation, 'boot_after_visit') === false) return 'reboot_due';
  return isProven(situation.evidence) ? 'raised' : 'unknown';
}

function otherCollection(situation: Situation): HostState {
  const { baseBuild } = situation.facts.os;
  const isOlder = runningKernel(situation) === 'older_of_ours';
  const build = runningBuild(situation);
  return isOlder && build !== null && build !== baseBuild ? 'old_kernel_new_system' : 'foreign_kernel';
}

/** null = the arguments in force are those wanted. */
function argsState(situation: Situation): HostState | null {
  const heeded = quotaHeeded(situation);
  if (holds(situation, 'quota_in_force') === true && holds(situation, 'hypervisor_in_force') === true) return null;
  if (heeded !== null && situation.wantedQuota !== null) return 'raised_other_value';
  return storesWanted(situation) === true ? 'reboot_due' : 'args_missing';
}
