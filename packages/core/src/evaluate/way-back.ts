/**
 * The way back: put the stored boot arguments back while that is possible, then a revert visit, then proof of stock, and only then
 * the removal of what Headroom put there. Nothing of it needs consent, and nothing of it begins before somebody assigned stock.
 * Guests hold back the arguments, never the visit: it drains them. Nor does a fact that cannot be read, where another tells of a gap.
 */
import { quotaInBootArgs } from '../boot-args.ts';
import type { Finding, HostState } from '../evaluate-types.ts';
import type { PlanStep } from '../plan.ts';
import { stockGaps } from '../stock-proof.ts';
import { keepVisit, type Next } from './next.ts';
import { guestsRunning, handsMissing } from './readiness.ts';
import { isTouched, type Situation } from './situation.ts';

const NOTHING: Next = { steps: [], visit: null, findings: [] };
const KIT_REASON = 'The kit lies on the Mac: a person types one line in recoveryOS. It needs no code.';
const BY_HAND_REASON = 'The kit is not on the Mac: a person types csrutil enable in recoveryOS and answers y.';
const RESTART_REASON = 'The boot policy is stock; the next boot starts without the quota.';

export function decideStock(situation: Situation, state: HostState): Next {
  const { facts, observed, input } = situation;
  if (input.intent.number === 0 || observed.kind === 'unsupported') return NOTHING;
  if (state === 'waiting_for_unlock' || state === 'failed_boot') return keepVisit(situation, state);
  const gaps = stockGaps(facts);
  if (gaps.length === 0) return observed.kind === 'unknown' ? NOTHING : { ...NOTHING, steps: removalSteps(situation) };
  if (!isTouched(situation) || gaps.every(({ seen }) => seen === null)) return NOTHING;
  if (gaps.every(({ path }) => path === 'bootArgs.inForce'))
    return { ...NOTHING, visit: { kind: 'restart', reason: RESTART_REASON } };
  return isQuotaStored(situation) ? clearFirst(situation) : revert(situation, guestsRunning(facts));
}

/** While SIP is off. With SIP on, macOS refuses to write them; the kit puts them back in recoveryOS. */
function isQuotaStored({ facts: { bootArgs, bootPolicy, sip } }: Situation): boolean {
  const canWrite = bootPolicy.bootArgsFiltering === false && sip.status !== 'enabled';
  return canWrite && bootArgs.stored !== null && quotaInBootArgs(bootArgs.stored) !== null;
}

/**
 * Only with no guests running, and known to be none. Guests, or a refused write, do not hold up the visit: it drains the Mac, and the
 * kit puts the arguments back, too. A visit that was made stays once the guests are gone.
 */
function clearFirst(situation: Situation): Next {
  const { facts, input } = situation;
  const running = guestsRunning(facts);
  if (running.length > 0) return revert(situation, running);
  const steps: readonly PlanStep[] = [{ kind: 'clear_boot_args' }];
  const { failure, visit } = input.work;
  const needsVisit = failure?.kind === 'clear_boot_args' || visit?.kind === 'revert';
  return needsVisit ? { ...revert(situation, []), steps } : { ...NOTHING, steps };
}

function revert({ facts, input }: Situation, findings: readonly Finding[]): Next {
  const missing = handsMissing(input);
  if (missing.length > 0) return { ...NOTHING, findings: [...missing, ...findings] };
  const reason = facts.visitKit === null ? BY_HAND_REASON : KIT_REASON;
  return { steps: [], visit: { kind: 'revert', reason }, findings };
}

/** Kit before kernel collection before KDK: what a person could start goes first. A KDK that somebody else installed stays. */
function removalSteps({ facts }: Situation): readonly PlanStep[] {
  const hasKit = facts.visitKit !== null || facts.receipt !== null || (facts.kernelCollections ?? []).length > 0;
  const hasKdk = (facts.kdks ?? []).some(({ ours }) => ours === true);
  return [
    ...(hasKit ? ([{ kind: 'remove_kit' }, { kind: 'remove_kc' }] as const) : []),
    ...(hasKdk ? ([{ kind: 'remove_kdk' }] as const) : []),
  ];
}
