/** Next: the steps and the visit that follow from a state when a raise is wanted. No lowering step and no visit without consent. */
import type { Evaluation, Finding, HostState } from '../evaluate-types.ts';
import { missingFrom, neededArgs } from '../needed-args.ts';
import type { PlanStep } from '../plan.ts';
import type { Consent } from './consent.ts';
import { factUnknown, makeFinding } from './make-finding.ts';
import type { Preparation } from './preparation.ts';
import { readReadiness, readUpdates } from './readiness.ts';
import {
  type AtRestart,
  holds,
  isOwnObject,
  isTouched,
  objectAtRestart,
  objectBuild,
  type Situation,
  storesWanted,
} from './situation.ts';

export interface Next {
  readonly steps: readonly PlanStep[];
  readonly visit: Evaluation['visit'];
  readonly findings: readonly Finding[];
}

/** What brings a state nearer to raised. */
type Way = 'none' | 'raise' | 'restart' | 'arguments' | 'keep';

const WAYS: Readonly<Record<HostState, Way>> = {
  no_facts: 'none',
  unknown: 'none',
  unsupported: 'none',
  not_started: 'raise',
  kdk_missing: 'raise',
  kdk_ready: 'raise',
  kc_staged: 'raise',
  ready_for_visit: 'raise',
  half_done: 'raise',
  object_not_booted: 'raise',
  args_missing: 'arguments',
  reboot_due: 'restart',
  raised: 'keep',
  raised_other_value: 'arguments',
  not_provable: 'none',
  foreign_kernel: 'raise',
  args_filtered: 'raise',
  old_kernel_new_system: 'raise',
  drifted: 'raise',
  waiting_for_unlock: 'none',
  failed_boot: 'none',
  reverted: 'raise',
};

const AT_RESTART: Readonly<Record<AtRestart, Way>> = {
  starts: 'restart',
  does_not_fit: 'raise',
  did_not_start: 'raise',
  unknown: 'none',
};

export function decideNext(situation: Situation, state: HostState, prepared: Preparation, consent: Consent): Next {
  switch (wayOf(situation, state)) {
    case 'none':
      return keepVisit(situation, state);
    case 'raise':
      return raise(situation, state, prepared, consent);
    case 'restart':
      return restart(situation, consent, restartReason(situation, state));
    case 'arguments':
      return storeArguments(situation, consent);
    case 'keep':
      return keep(situation, consent);
  }
}

function restartReason(situation: Situation, state: HostState): string {
  if (state === 'object_not_booted') return OBJECT_REASON;
  const argsInForce = holds(situation, 'quota_in_force') === true && holds(situation, 'hypervisor_in_force') === true;
  return argsInForce ? BOOT_REASON : ARGS_REASON;
}

const ARGS_REASON = 'The arguments are stored; the kernel reads them at the next boot.';
const BOOT_REASON = 'Only a boot after the visit was opened proves what runs.';
const OBJECT_REASON = 'The custom kernel is installed; the next boot starts it.';

function wayOf(situation: Situation, state: HostState): Way {
  if (state !== 'object_not_booted' || !isOwnObject(situation)) return WAYS[state];
  return AT_RESTART[objectAtRestart(situation)];
}

/** An overdue host: its visit stays, as it stands on somebody's run sheet, until facts close it. */
export function keepVisit({ input: { work } }: Situation, state: HostState): Next {
  const isOverdue = state === 'waiting_for_unlock' || state === 'failed_boot';
  const visit =
    isOverdue && work.visit !== null
      ? { kind: work.visit.kind, reason: 'Overdue: not heard of since it was opened.' }
      : null;
  return { steps: [], visit, findings: [] };
}

function raise(situation: Situation, state: HostState, prepared: Preparation, consent: Consent): Next {
  const readiness = readReadiness(situation);
  const findings = [...consent.findings, ...prepared.findings, ...readiness];
  const isHeldBack = [...prepared.findings, ...readiness].some(({ severity }) => severity === 'blocker');
  const isReady = prepared.rung === 'ready_for_visit' && consent.covers && consent.bootArgs !== null && !isHeldBack;
  const first = argumentsFirst(situation, consent);
  // A visit that is under way keeps its code: the person comes back with the same line.
  const isUnderWay = situation.input.work.visit?.kind === 'raise';
  const isDue = isReady && (first.length === 0 || isUnderWay);
  const visit = isDue ? ({ kind: 'raise', reason: reasonOf(state) } as const) : null;
  return { steps: [...prepared.steps, ...first], visit, findings };
}

/**
 * The kernel of the visit would not start without its needed arguments, and recoveryOS may have refused them. While SIP and filter
 * are off already, macOS stores them before the person comes back.
 */
function argumentsFirst(situation: Situation, consent: Consent): readonly PlanStep[] {
  const { facts, observed } = situation;
  const { baseBuild: build } = facts.os;
  const { variant } = facts.kernel;
  const isOpen = observed.kind === 'policy_lowered' && facts.bootPolicy.bootArgsFiltering === false;
  if (!isOpen || build === null || variant === null) return [];
  const needed = neededArgs({ build, variant });
  const isMissing = missingFrom(facts.bootArgs.stored ?? '', needed).length > 0;
  // A line without them would be stored over and over; the finding of readiness says what to add.
  const brings = missingFrom(consent.bootArgs ?? '', needed).length === 0;
  return isMissing && brings ? argumentSteps(situation, consent) : [];
}

function reasonOf(state: HostState): string {
  return state === 'ready_for_visit'
    ? 'The kit lies on the Mac: a person types one line in recoveryOS.'
    : 'A raise visit puts it right: a person types one line in recoveryOS.';
}

/** A restart installs what is prepared; what is only offered waits. Nobody restarts into a kernel that could not be read. */
function restart(situation: Situation, { covers, findings }: Consent, reason: string): Next {
  const updates = readUpdates(situation, ({ ways }) => ways.includes('prepared'));
  const isRead = holds(situation, 'custom_kernel_in_policy') !== null;
  const isReady = covers && isRead && !updates.some(({ severity }) => severity === 'blocker');
  return { steps: [], visit: isReady ? { kind: 'restart', reason } : null, findings: [...findings, ...updates] };
}

/** Store the wanted arguments, then restart once. */
function storeArguments(situation: Situation, consent: Consent): Next {
  if (storesWanted(situation) === true) return restart(situation, consent, ARGS_REASON);
  return { steps: argumentSteps(situation, consent), visit: null, findings: consent.findings };
}

const NONE = () => false;

function keep(situation: Situation, consent: Consent): Next {
  const steps = storesWanted(situation) === false ? argumentSteps(situation, consent) : [];
  return {
    steps,
    visit: null,
    findings: [...consent.findings, ...endedConsent(situation, consent), ...readUpdates(situation, NONE)],
  };
}

/** The stated end of a consent: nothing is lowered any more, and what is raised is shown until evidence says otherwise. */
function endedConsent({ input: { intent, now } }: Situation, { covers }: Consent): readonly Finding[] {
  if (covers) return [];
  const { expiresAt, reason } = intent.grant;
  const isExpired = expiresAt !== null && !(now.getTime() < Date.parse(expiresAt));
  const detail = isExpired ? `The consent ended ${expiresAt}.` : `No consent: ${reason ?? 'no grant names this Mac'}.`;
  return [stillRaised(isExpired, detail)];
}

/** Shown until evidence says otherwise, whether its intent has been set to stock already or not. */
export function stillRaised(isExpired: boolean, detail: string): Finding {
  return makeFinding('CONSENT_ENDED_STILL_RAISED', {
    detail,
    expected: 'a consent for a raised quota',
    seen: 'every piece of evidence of a raise, and no consent',
    path: 'kernel.filesetUuid',
    args: { how: isExpired ? 'Expired' : 'Consent gone' },
  });
}

function argumentSteps({ wantedQuota }: Situation, { covers, bootArgs }: Consent): readonly PlanStep[] {
  if (!covers || bootArgs === null || wantedQuota === null) return [];
  return [{ kind: 'set_boot_args', quota: wantedQuota, bootArgs }];
}

/** Findings about a boot policy that is lowered, or names a custom kernel, while the stock kernel runs. */
export function policyFindings(situation: Situation, state: HostState): readonly Finding[] {
  const { observed, facts } = situation;
  const path = 'bootPolicy.customKernel';
  const seen = facts.bootPolicy.customKernel;
  if (observed.kind === 'object_installed') {
    if (isOwnObject(situation)) return [ownObject(situation, { path, seen })];
    return [makeFinding('OTHER_OBJECT_IN_POLICY', { detail: 'No receipt of a visit names it.', path, seen })];
  }
  if (observed.kind !== 'policy_lowered') return [];
  const { visit } = situation.input.work;
  const isBroken = visit?.kind === 'raise' && visit.openedAt !== null;
  if (state === 'drifted' && !isBroken)
    return [makeFinding('LOWERED_FOR_NOTHING', { detail: 'No custom kernel is installed any more.', path, seen })];
  if (state === 'half_done' || isTouched(situation))
    return [makeFinding('HALF_DONE', { detail: 'The boot policy is lowered already.', path, seen })];
  return [makeFinding('POLICY_ALREADY_LOWERED', { detail: 'No custom kernel is installed.', path, seen })];
}

function ownObject(situation: Situation, at: Pick<Finding, 'path' | 'seen'>): Finding {
  const { baseBuild } = situation.facts.os;
  const built = objectBuild(situation) ?? 'a build that is not known';
  switch (objectAtRestart(situation)) {
    case 'unknown':
      return factUnknown(situation.facts, 'boot.sessionId');
    case 'starts':
      return makeFinding('OBJECT_NOT_BOOTED', { detail: OBJECT_REASON, ...at });
    case 'did_not_start':
      return makeFinding('OBJECT_DID_NOT_START', { detail: 'This boot came after its visit was opened.', ...at });
    case 'does_not_fit': {
      const args = { build: baseBuild ?? 'unknown' };
      return makeFinding('OBJECT_DOES_NOT_FIT', { detail: `It was built for ${built}.`, ...at, args });
    }
  }
}
